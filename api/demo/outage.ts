import { readConsoleSettings } from '../../lib/config.ts';
import { problem } from '../../lib/guard/problem.ts';
import { absent } from '../_console/admission.ts';
import { refusalOfDemo } from '../_console/demo-caller.ts';
import { setOutage } from '../_console/demo-control.ts';
import { OUTAGES, type Outage } from '../_console/snapshot.ts';
import { FieldError, fieldProblem } from '../_management/field-error.ts';
import { readFields } from '../_management/json-body.ts';

/**
 * Takes the store away from the demo and gives it back: `{ "outage": "refuse" }`. 404 in every application that the demo
 * has not started; who may is in `refusalOfDemo`.
 */
export async function POST(request: Request): Promise<Response> {
  const { demo } = readConsoleSettings();
  if (!demo) return absent();
  const refusal = await refusalOfDemo(request, demo);
  if (refusal) return refusal;
  try {
    const fields = await readFields(request, { names: ['outage'] });
    if (fields instanceof Response) return fields;
    const state = await setOutage(demo, readOutage(fields.outage));
    if (!state) return problem(503, 'demo-silent', 'The process of the demo does not answer.');
    return Response.json({ outage: state.outage }, { headers: { 'cache-control': 'no-store' } });
  } catch (error) {
    if (error instanceof FieldError) return fieldProblem(error.field, error.message);
    throw error;
  }
}

function readOutage(value: unknown): Outage {
  const outage = OUTAGES.find((one) => one === value);
  if (outage === undefined) throw new FieldError('outage', `must be one of ${OUTAGES.join(', ')}`);
  return outage;
}
