/** What became of a machine's record: found, changed, named, merged. */
import { Button, Content } from '@patternfly/react-core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { historyQuery } from '../../api/queries';
import type { HistoryEntry, Machine } from '../../api/types';
import { useLanguage } from '../../language/language';
import { Moment } from '../../layout/moment';
import { Loading, Problem } from '../../layout/state';
import { type Change, readChanges } from './history-changes';

/** Newest first. */
export function RecordHistory({ machine }: { machine: Machine }) {
  const { t } = useLanguage();
  const list = useInfiniteQuery(historyQuery(machine.id));
  if (list.isPending) return <Loading />;
  if (list.isError) return <Problem error={list.error} retry={() => void list.refetch()} />;
  const entries = list.data.pages.flatMap((page) => page.items);
  if (entries.length === 0) return <p className="amorce-quiet">{t('history.none')}</p>;
  return (
    <>
      <ol className="amorce-timeline amorce-history">
        {entries.map((entry) => (
          <Entry key={entry.seq} entry={entry} />
        ))}
      </ol>
      {list.hasNextPage && (
        <Content className="amorce-more">
          <Button variant="secondary" isLoading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t('action.more', { shown: entries.length, total: list.data.pages.at(-1)?.total ?? entries.length })}
          </Button>
        </Content>
      )}
    </>
  );
}

function Entry({ entry }: { entry: HistoryEntry }) {
  const { t, known } = useLanguage();
  const key = `history.kind.${entry.kind}`;
  return (
    <li>
      <span className="amorce-timeline-at">
        <Moment at={entry.at} />
      </span>
      <div>
        <span className="amorce-strong">{known(key) ? t(key as 'history.kind.edited') : entry.kind}</span>
        {entry.actor !== undefined && entry.actor !== null && <span className="amorce-quiet"> {t('history.by', { name: entry.actor })}</span>}
        <Changes changes={readChanges(entry.details)} />
      </div>
    </li>
  );
}

/** What it was and what it is, side by side. */
export function Changes({ changes }: { changes: Change[] }) {
  const { t } = useLanguage();
  if (changes.length === 0) return null;
  return (
    <ul className="amorce-changes">
      {changes.map((change) => (
        <li key={change.what}>
          <span className="amorce-quiet">{change.what}</span>{' '}
          {change.before !== '' && <del>{change.before}</del>}
          {change.before !== '' && change.after !== '' && <span aria-hidden="true"> → </span>}
          {change.after !== '' && <ins>{change.after}</ins>}
          {change.before !== '' && change.after === '' && <span className="amorce-quiet"> {t('history.removed')}</span>}
        </li>
      ))}
    </ul>
  );
}
