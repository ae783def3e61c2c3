import { sha256 } from '../../client/crypto.ts';
import { ConfigError } from '../../errors.ts';
import type { Prompt } from './semantic-options.ts';

/** What stands for a prompt: nothing of its text. */
export interface PromptIdentity {
  /** Of all that makes an answer: prompt, model, temperature, system prompt and tenant. */
  readonly id: string;
  /** Of all that but the prompt itself. */
  readonly partition: string;
  readonly tenant: string;
  readonly model: string;
  /** Normalised. */
  readonly prompt: string;
}

export interface IdentityOptions {
  readonly tenant: string | undefined;
  readonly normalise: (prompt: string) => string;
  readonly maxPromptLength: number;
}

const MAX_NAME = 256;

/** `undefined` for a prompt that is too long. @throws ConfigError for one that says no tenant, or no model, or of which `normalise` makes no text */
export async function identify(
  { prompt, model, temperature, system = '', tenant: own }: Prompt,
  { tenant: fallback, normalise, maxPromptLength }: IdentityOptions,
): Promise<PromptIdentity | undefined> {
  const tenant = checkTenant(own ?? fallback);
  if (typeof model !== 'string' || model.length === 0 || model.length > MAX_NAME) {
    throw new ConfigError('model', `must have 1 to ${MAX_NAME} characters`);
  }
  if (temperature !== undefined && !Number.isFinite(temperature)) {
    throw new ConfigError('temperature', 'must be a number');
  }
  if (prompt.length + system.length > maxPromptLength) return undefined;
  const normalised = normalise(prompt);
  // All prompts that it made nothing of would have one answer.
  if (typeof normalised !== 'string') throw new ConfigError('normalise', 'must make a text of each prompt');
  // JSON keeps apart what is beside each other, and lone surrogates that UTF-8 does not have.
  const partition = await sha256(JSON.stringify([tenant, model, temperature ?? null, system]));
  const id = await sha256(JSON.stringify([partition, normalised]));
  return { id, partition, tenant, model, prompt: normalised };
}

/** @throws ConfigError */
export function checkTenant(tenant: string | undefined): string {
  if (typeof tenant === 'string' && tenant.length > 0 && tenant.length <= MAX_NAME - TENANT_TAG.length) return tenant;
  throw new ConfigError(
    'tenant',
    `must be given, for the cache or with each prompt, in 1 to ${MAX_NAME - TENANT_TAG.length} characters`,
  );
}

const TENANT_TAG = 'tenant:';

/** All answers of a tenant have it. */
export function tenantTag(tenant: string): string {
  return TENANT_TAG + tenant;
}

/** Blanks within a prompt may mean something: in code, or in a table. */
export function normalisePrompt(prompt: string): string {
  return prompt.replace(/\r\n?/g, '\n').trim().normalize('NFC');
}
