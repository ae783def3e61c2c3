import type { ClusterNodes } from './cluster-nodes.ts';
import type { NodeName } from './cluster-topology.ts';
import { firstAnswer } from './first-answer.ts';
import { type FeedTimes, redisFeed } from './redis-feed.ts';
import { closedError } from './shared-link.ts';
import type { Feed, Heard, OpenFeed } from './subscriptions.ts';

/** A node that does not listen by then is given company. */
const STAGGER_MS = 250;

/** Listens at one primary, whichever answers first: a Cluster hands each message to all of its nodes. */
export function clusterFeed(nodes: ClusterNodes, times: FeedTimes): OpenFeed {
  // So that not all processes listen at the same node.
  let turn = times.clock.now();

  return async (channels, heard, over) => {
    const { primaries } = await nodes.topology(over);
    const start = turn++ % primaries.length;
    const [first, ...others] = [...primaries.slice(start), ...primaries.slice(0, start)];
    if (first === undefined) throw closedError();
    // Two may listen for a moment: one of them is heard.
    let chosen: NodeName | undefined;
    const at = async (node: NodeName): Promise<Feed> => {
      const hear: Heard = (channel, text) => {
        if (chosen === node) heard(channel, text);
      };
      const feed = await redisFeed(await nodes.open(node, over), channels, hear, times);
      chosen ??= node;
      feed.lost.then(nodes.doubt);
      return feed;
    };
    const options = { staggerMs: STAGGER_MS, discard: (feed: Feed) => feed.close(), clock: times.clock };
    return firstAnswer([first, ...others], at, options);
  };
}
