import type { Clock } from '../clock.ts';

/** PEM texts for a Redis whose certificate the system does not know already. */
export interface RedisTlsOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name to expect in the certificate. @default the host of the connection */
  readonly servername?: string | undefined;
}

/** Where Redis is: at a URL, a Cluster, or behind sentinels. */
export type RedisStoreOptions = RedisUrlOptions | RedisClusterOptions | RedisSentinelOptions;

/** One Redis by its URL. */
export interface RedisUrlOptions extends RedisConnectOptions {
  /** `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  readonly tls?: RedisTlsOptions | undefined;
  readonly cluster?: undefined;
  readonly sentinels?: undefined;
}

/** A Redis Cluster, by some of its nodes. */
export interface RedisClusterOptions extends RedisConnectOptions {
  readonly cluster: {
    /** `host:port` or `redis://host:port` of some of its nodes: they tell of the others. `rediss://` turns TLS on. */
    readonly nodes: readonly string[];
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    /** Turns TLS on, also with nothing in it. */
    readonly tls?: RedisTlsOptions | undefined;
  };
  readonly url?: undefined;
  readonly sentinels?: undefined;
}

/** The primary that sentinels name. */
export interface RedisSentinelOptions extends RedisConnectOptions {
  readonly sentinels: {
    /** `host[:port]` or `redis://host[:port]` of the sentinels; port 26379 unless told. `rediss://` turns TLS on. */
    readonly nodes: readonly string[];
    /** Under which the sentinels watch the primary. */
    readonly name: string;
    /** Of the primary. */
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly sentinelPassword?: string | undefined;
    /** @default 0 */
    readonly database?: number | undefined;
    /** Turns TLS on, for the sentinels and the primary, also with nothing in it. */
    readonly tls?: RedisTlsOptions | undefined;
  };
  readonly url?: undefined;
  readonly cluster?: undefined;
}

export interface RedisConnectOptions {
  /** Bound of one attempt to connect, from the look-up of the name to the first answer of Redis. @default 2000 */
  readonly connectTimeoutMs?: number | undefined;
  /** A subscription that has heard nothing for so long asks Redis whether it is still there, in milliseconds. @default 15_000 */
  readonly subscriberPingMs?: number | undefined;
  /** Times the attempts to connect. @default the system's */
  readonly clock?: Clock | undefined;
}
