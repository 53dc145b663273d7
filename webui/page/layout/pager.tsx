/** Walks through a list that the appliance sends page by page: which part is shown, of how many, and the way on. */
import { Button } from '@patternfly/react-core';
import { useLanguage } from '../language/language';
import { AngleLeftIcon, AngleRightIcon } from './icons';

interface Props {
  /** The page that is shown, from 0. */
  page: number;
  size: number;
  /** Rows on this page. */
  rows: number;
  total: number;
  hasNext: boolean;
  isLoading: boolean;
  onPage: (page: number) => void;
}

/** Nothing where everything is on one page. */
export function Pager({ page, size, rows, total, hasNext, isLoading, onPage }: Props) {
  const { t } = useLanguage();
  if (page === 0 && !hasNext) return null;
  return (
    <nav className="amorce-pager" aria-label={t('pager.label')}>
      <Button variant="secondary" icon={<AngleLeftIcon />} isDisabled={page === 0} onClick={() => onPage(page - 1)}>
        {t('pager.previous')}
      </Button>
      <span aria-live="polite">{t('pager.range', { first: page * size + 1, last: page * size + rows, total })}</span>
      <Button
        variant="secondary"
        icon={<AngleRightIcon />}
        iconPosition="end"
        isDisabled={!hasNext}
        isLoading={isLoading}
        onClick={() => onPage(page + 1)}
      >
        {t('pager.next')}
      </Button>
    </nav>
  );
}
