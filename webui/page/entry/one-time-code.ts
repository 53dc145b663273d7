/**
 * The one-time code that the console prints, as the address `https://…/#code=CODE` may carry it.
 *
 * The fragment never leaves the browser; it is taken out of the address at once, so that it stands in no bookmark and
 * no screenshot.
 */
let carried = '';

/** Takes the code out of the address. Called once, before anything is drawn. */
export function takeOneTimeCode(): void {
  const code = new URLSearchParams(window.location.hash.slice(1)).get('code');
  if (code === null) return;
  carried = code.trim().slice(0, 200);
  window.history.replaceState(null, '', window.location.pathname + window.location.search);
}

/** The code that the address carried, or nothing. */
export function oneTimeCode(): string {
  return carried;
}
