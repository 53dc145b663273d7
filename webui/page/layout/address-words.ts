/** What a page is narrowed by stands in the address: a reload, a link and the way back keep it. */
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

/** The words of the address, and how to change some of them: an empty one is taken away. */
export function useAddressWords() {
  const [words, setWords] = useSearchParams();
  const change = useCallback(
    (next: Record<string, string>) =>
      setWords(
        (old) => {
          const changed = new URLSearchParams(old);
          for (const [name, text] of Object.entries(next)) {
            if (text === '') changed.delete(name);
            else changed.set(name, text);
          }
          return changed;
        },
        { replace: true },
      ),
    [setWords],
  );
  const clear = useCallback(() => setWords({}, { replace: true }), [setWords]);
  return { words, change, clear };
}
