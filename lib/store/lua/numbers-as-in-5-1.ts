import lobject, { type LuaValue } from 'fengari/src/lobject.js';
import lstring from 'fengari/src/lstring.js';
import { formatSignificant } from '../memory/numbers.ts';
import { decodeText, encodeText } from '../memory/text-bytes.ts';

/**
 * Runs `work` with the numbers of Lua 5.1, which are all doubles. Fengari has the integers of 5.3 too, and has them in
 * 32 bits: `tonumber('3600000') * 1000` would wrap around, and `6 / 2 .. ''` would give `3.0`.
 *
 * Fengari has no setting for it at run time, so two of its internal functions are replaced; `work` is synchronous, so no
 * other user of Fengari sees them.
 */
export function withLua51Numbers<T>(work: () => T): T {
  const { luaO_str2num: readNumber, luaO_tostring: writeNumber } = lobject;
  lobject.luaO_str2num = (text, target) => {
    const size = readNumber(text, target);
    if (size > 0 && target.ttisinteger()) target.setfltvalue(integerValue(text, target.value));
    return size > 0 ? size : readNonFinite(text, target);
  };
  lobject.luaO_tostring = (state, target) => {
    target.setsvalue(lstring.luaS_bless(state, encodeText(luaNumberText(Number(target.value)))));
  };
  try {
    return work();
  } finally {
    lobject.luaO_str2num = readNumber;
    lobject.luaO_tostring = writeNumber;
  }
}

/** `%.14g`, as Lua 5.1 and its JSON library write numbers. */
export function luaNumberText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return formatSignificant(value, 14);
}

/** `inf` and `nan`, which 5.1 leaves to C and 5.3 refuses. */
function readNonFinite(text: Uint8Array, target: LuaValue): number {
  const [, sign, word] = /^\s*([-+]?)(inf|infinity|nan)\s*$/i.exec(decodeText(text)) ?? [];
  if (word === undefined) return 0;
  const size = word.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY;
  target.setfltvalue(sign === '-' ? -size : size);
  return text.length + 1;
}

/** Hexadecimal digits wrap at 32 bits in Fengari, and its zero has no sign. */
function integerValue(text: Uint8Array, value: unknown): number {
  const [, sign, hexadecimal] = /^\s*([-+]?)(0[xX][\da-fA-F]+)?/.exec(decodeText(text)) ?? [];
  const size = hexadecimal === undefined ? Math.abs(Number(value)) : Number(hexadecimal);
  return sign === '-' ? -size : size;
}
