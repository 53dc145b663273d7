/** The same action on many machines, a few at a time, each with its own outcome. */
import { useState } from 'react';
import { problemOf } from '../api/client';
import type { Problem } from '../api/types';

const AT_ONCE = 4;

/** How a bulk action stands. */
export interface BulkState {
  /** Machines that are behind it. */
  done: number;
  failed: { id: string; problem: Problem }[];
  isRunning: boolean;
  isOver: boolean;
}

const START: BulkState = { done: 0, failed: [], isRunning: false, isOver: false };

/** Runs `action` on every machine; one that fails stops no other. */
export function useBulk(action: (id: string) => Promise<unknown>) {
  const [state, setState] = useState(START);
  const run = async (ids: readonly string[]) => {
    setState({ ...START, isRunning: true });
    const left = [...ids];
    const work = async () => {
      for (let id = left.shift(); id !== undefined; id = left.shift()) {
        const machine = id;
        try {
          await action(machine);
          setState((old) => ({ ...old, done: old.done + 1 }));
        } catch (error) {
          const problem = problemOf(error);
          setState((old) => ({ ...old, done: old.done + 1, failed: [...old.failed, { id: machine, problem }] }));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    setState((old) => ({ ...old, isRunning: false, isOver: true }));
  };
  return { state, run };
}
