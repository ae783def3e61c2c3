/** Whether `text` takes `bytes` or more in UTF-8. Looks at its characters only where its length leaves it open. */
export function hasBytes(text: string, bytes: number): boolean {
  if (text.length >= bytes) return true;
  return text.length * 3 >= bytes && utf8Length(text) >= bytes;
}

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair counts two of the pair's four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
