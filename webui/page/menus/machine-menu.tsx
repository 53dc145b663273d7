/** The menu that a machine will show, on the machine's own page. */
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { menuQuery } from '../api/queries';
import type { Machine } from '../api/types';
import { useLanguage } from '../language/language';
import { Loading, Problem } from '../layout/state';
import { useActionText } from './action-text';
import { MenuScreen } from './menu-screen';
import { useOriginName } from './origin';

/** Its screen, and where each entry comes from. */
export function MachineMenu({ machine }: { machine: Machine }) {
  const { t } = useLanguage();
  const originName = useOriginName();
  const actionText = useActionText();
  const menu = useQuery(menuQuery({ kind: 'machine', id: machine.id }));
  if (menu.isPending) return <Loading />;
  if (menu.isError) return <Problem error={menu.error} retry={() => void menu.refetch()} />;
  const lines = menu.data.entries.map(({ entry, origin }) => ({ entry, origin, isOwn: origin.kind === 'machine' }));
  return (
    <div className="amorce-menu-editor">
      <div className="amorce-stack">
        {lines.length === 0 && <p>{t('menus.none')}</p>}
        <ul className="amorce-entries">
          {lines.map((line) => (
            <li key={line.entry.key} className="amorce-entry">
              <span className="amorce-entry-text">
                <span className="amorce-strong">{line.entry.label}</span>
                <span className="amorce-quiet amorce-entry-about">
                  {actionText(line.entry.action)} · {t('menus.from', { name: originName(line.origin) })}
                </span>
              </span>
            </li>
          ))}
        </ul>
        <Link to={`/menus?machine=${machine.id}`}>{t('menus.edit-for-machine')}</Link>
      </div>
      <MenuScreen lines={lines} settings={menu.data.settings} />
    </div>
  );
}
