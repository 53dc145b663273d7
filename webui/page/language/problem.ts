/** A problem in the reader's language, as far as its code is known. */
import type { Problem } from '../api/types';
import { useLanguage } from './language';

/** What is shown of a problem. */
export interface ProblemText {
  /** What happened. */
  title: string;
  /** What to do. */
  remedy: string;
  /** The appliance's own words, where the title is a translation and they say more. */
  detail: string;
}

/** Returns a function that puts problems into words. */
export function useProblemText(): (problem: Problem) => ProblemText {
  const { t, known } = useLanguage();
  return (problem) => {
    const titleKey = `problem.${problem.code}`;
    const remedyKey = `problem.${problem.code}.remedy`;
    const plain = (key: string): string | null => (known(key) ? t(key as 'problem.page-error') : null);
    const title = plain(titleKey);
    return {
      title: title ?? (problem.title === '' ? t('problem.page-error') : problem.title),
      remedy: plain(remedyKey) ?? problem.remedy ?? '',
      detail: title === null ? '' : problem.title,
    };
  };
}
