/** Chooses every machine that the filters leave, not only those that are shown. */
import { ask } from '../api/client';
import { filterWords, type MachineFilters } from '../api/queries';
import type { MachinePage } from '../api/types';

/** Machines that one job, or one naming, takes at most. */
export const SELECTION_MAX = 1000;

/** The ids of all of them, at most `SELECTION_MAX`. */
export async function allMatching(filters: MachineFilters): Promise<string[]> {
  const ids: string[] = [];
  let after: string | null | undefined = '';
  while (after !== null && after !== undefined && ids.length < SELECTION_MAX) {
    const page: MachinePage = await ask<MachinePage>(`/machines?${filterWords({ ...filters, limit: '200', after })}`);
    ids.push(...page.items.map((machine) => machine.id));
    after = page.next;
  }
  return ids.slice(0, SELECTION_MAX);
}
