/** What becomes of each line of a table; those that cannot be used come first. */
import { Label, type LabelProps } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useMemo } from 'react';
import { Link } from 'react-router';
import type { ImportRow } from '../../api/types';
import { useLanguage } from '../../language/language';

const COLOURS: Record<ImportRow['action'], LabelProps['color']> = { refuse: 'red', create: 'green', update: 'blue', keep: 'grey' };
/** Lines shown; a table of thousands is judged by its counts and its errors. */
const SHOWN = 200;

/** One row per line. */
export function ImportRows({ rows }: { rows: ImportRow[] }) {
  const { t } = useLanguage();
  const shown = useMemo(
    () => [...rows].sort((left, right) => Number(right.action === 'refuse') - Number(left.action === 'refuse') || left.line - right.line).slice(0, SHOWN),
    [rows],
  );
  if (shown.length === 0) return null;
  return (
    <div className="amorce-scroll" tabIndex={0} role="region" aria-label={t('import.rows')}>
      <Table aria-label={t('import.rows')} variant="compact" gridBreakPoint="grid-md">
        <Thead>
          <Tr>
            <Th modifier="fitContent">{t('import.line')}</Th>
            <Th>{t('machines.name')}</Th>
            <Th>{t('import.action')}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {shown.map((row) => (
            <Tr key={row.line}>
              <Td dataLabel={t('import.line')}>{row.line}</Td>
              <Td dataLabel={t('machines.name')}>
                {row.machine === undefined || row.machine === null ? row.label : <Link to={`/machines/${row.machine}`}>{row.label}</Link>}
              </Td>
              <Td dataLabel={t('import.action')}>
                <Label isCompact color={COLOURS[row.action]}>
                  {t(`import.action.${row.action}`)}
                </Label>
                {row.problems.map((problem) => (
                  <div key={`${problem.column ?? ''} ${problem.title}`}>
                    {problem.column !== undefined && problem.column !== null && <span className="amorce-code">{problem.column} </span>}
                    {problem.title}
                    <div className="amorce-quiet">{problem.remedy}</div>
                  </div>
                ))}
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </div>
  );
}
