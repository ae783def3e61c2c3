/** By the headers of the request, which is what clients are told apart by everywhere. */
const told = new WeakMap<Headers, string>();

/** Notes from which address the connection came that brought a request, as the server's socket has it. */
export function tellConnectionAddress(headers: Headers, address: string): void {
  told.set(headers, address);
}

/** `undefined` where no server has told: it is no header, so nobody outside can say it. */
export function connectionAddress(headers: Headers): string | undefined {
  return told.get(headers);
}
