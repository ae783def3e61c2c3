import { ConfigError } from '../errors.ts';

/** A table's name in its parts, and as it stands in a statement. */
export interface SqlName {
  /** Quoted, with a dot behind it; `''` where none was given. */
  readonly schema: string;
  readonly name: string;
  /** Quoted, with its schema. */
  readonly quoted: string;
}

/** Names derived from it, with up to 15 further letters, stay within the 63 bytes at which PostgreSQL cuts names off. */
const TABLE = /^(?:([a-z_][a-z0-9_]{0,62})\.)?([a-z_][a-z0-9_]{0,47})$/;

/** @throws ConfigError when `table` is no plain name: it becomes part of statements. */
export function sqlName(table: string): SqlName {
  const [, schema, name] = TABLE.exec(table) ?? [];
  if (name === undefined) {
    throw new ConfigError(
      'table',
      'must be 1 to 48 lower-case letters, digits and underscores, not first a digit, after a schema and a dot at most',
    );
  }
  const prefix = schema === undefined ? '' : `"${schema}".`;
  return { schema: prefix, name, quoted: `${prefix}"${name}"` };
}
