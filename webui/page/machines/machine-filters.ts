/** What the list of machines is narrowed by. It stands in the address: a reload, a link and the way back keep it. */
import { useCallback, useMemo } from 'react';
import type { MachineFilters } from '../api/queries';
import { useAddressWords } from '../layout/address-words';

/** What may be true of a machine, as the API calls it. */
export const TRAITS = ['connected', 'in-job', 'unnamed', 'not-inventoried', 'nothing-bootable', 'warned', 'quarantined'] as const;
/** One of them. */
export type Trait = (typeof TRAITS)[number];
/** Firmware that may have started a machine. */
export const FIRMWARES = ['bios', 'uefi', 'uefi-secure-boot'] as const;
/** Days for which a machine was not heard of. */
export const SILENT_DAYS = ['7', '30', '180'] as const;
/** Orders of the list. */
export const ORDERS = ['newest', 'name', 'last-seen'] as const;

/** The filters as the address has them. */
export interface ChosenFilters {
  q: string;
  is: Trait[];
  firmware: string;
  /** Days. */
  silent: string;
  sort: string;
  /** A place with all that lies in it, or a group. */
  place: string;
}

const DAY_MS = 86_400_000;

/** Reads the filters from the address; what the API would not take is left out. */
export function readFilters(words: URLSearchParams): ChosenFilters {
  const one = (name: string, known: readonly string[]) => known.find((word) => word === words.get(name)) ?? '';
  const said = (words.get('is') ?? '').split(',');
  return {
    q: words.get('q') ?? '',
    is: TRAITS.filter((trait) => said.includes(trait)),
    firmware: one('firmware', FIRMWARES),
    silent: one('silent', SILENT_DAYS),
    sort: one('sort', ORDERS),
    place: words.get('place') ?? '',
  };
}

/** The same as the API wants it. Days count from the last midnight, so that the question stays the same for a day. */
export function toQuery(filters: ChosenFilters, now: number): MachineFilters {
  const midnight = now - (now % DAY_MS);
  return {
    q: filters.q,
    is: filters.is.join(','),
    firmware: filters.firmware,
    place: filters.place,
    seen_before: filters.silent === '' ? '' : new Date(midnight - Number(filters.silent) * DAY_MS).toISOString(),
    sort: filters.sort === 'newest' ? '' : filters.sort,
  };
}

/** The filters of this moment and how to change them. */
export function useMachineFilters() {
  const { words, change: changeWords } = useAddressWords();
  const filters = useMemo(() => readFilters(words), [words]);
  const change = useCallback(
    (next: Partial<ChosenFilters>) => {
      const texts = Object.entries(next).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]);
      changeWords(Object.fromEntries(texts));
    },
    [changeWords],
  );
  const narrowed = filters.q !== '' || filters.is.length > 0 || filters.firmware !== '' || filters.silent !== '' || filters.place !== '';
  return { filters, change, narrowed };
}
