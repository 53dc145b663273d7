/** Addresses of files that the browser itself fetches. */
import { API } from '../api/client';
import { filterWords } from '../api/queries';

/** A file of the API with these words in its address. */
export function fileAddress(path: string, words: Partial<Record<string, string>>): string {
  return `${API}${path}?${filterWords(words)}`;
}

/** Lets the browser download a file of the API, without leaving the page. */
export function download(address: string): void {
  const link = document.createElement('a');
  link.href = address;
  link.download = '';
  link.click();
}
