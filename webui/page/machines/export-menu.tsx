/** The machines that the filters leave, as a file. */
import type { MachineFilters } from '../api/queries';
import { useLanguage } from '../language/language';
import { ActionMenu } from '../layout/action-menu';
import { download, fileAddress } from '../layout/address';

/** For a spreadsheet, or for another program. Both can be imported again. */
export function ExportMenu({ filters }: { filters: MachineFilters }) {
  const { t } = useLanguage();
  // A file has an order of its own.
  const narrowing = { ...filters, sort: '' };
  return (
    <ActionMenu
      label={t('export.button')}
      actions={[
        {
          label: t('export.spreadsheet'),
          about: t('export.spreadsheet-about'),
          onClick: () => download(fileAddress('/machines/export', { ...narrowing, separator: 'semicolon', encoding: 'utf-8-bom' })),
        },
        {
          label: t('export.plain'),
          about: t('export.plain-about'),
          onClick: () => download(fileAddress('/machines/export', narrowing)),
        },
      ]}
    />
  );
}
