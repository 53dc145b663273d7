/** The frame of every page once somebody is logged in: navigation, connection, person. */
import {
  Banner,
  Button,
  Dropdown,
  DropdownItem,
  DropdownList,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadMain,
  MastheadToggle,
  MenuToggle,
  Nav,
  NavItem,
  NavList,
  Page,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
} from '@patternfly/react-core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Suspense, useState } from 'react';
import { Link, NavLink, Outlet, useLocation } from 'react-router';
import { ask } from '../api/client';
import { useConnection, useLiveUpdates } from '../api/live';
import { sessionQuery } from '../api/queries';
import { SessionLost } from '../entry/session-lost';
import { LanguageChoice } from '../language/language-choice';
import { useLanguage } from '../language/language';
import { JobAnnouncements } from '../jobs/announcements';
import { Announcer } from './announcer';
import { BarsIcon, UserIcon } from './icons';
import { Brand } from './brand';
import { Loading } from './state';

const PLACES = [
  { to: '/', label: 'nav.dashboard' },
  { to: '/machines', label: 'nav.machines' },
  { to: '/masters', label: 'nav.masters' },
  { to: '/jobs', label: 'nav.jobs' },
  { to: '/menus', label: 'nav.menus' },
  { to: '/activity', label: 'nav.activity' },
  { to: '/settings', label: 'nav.settings' },
] as const;

/** The frame with the page inside. */
export function Shell() {
  const { t } = useLanguage();
  useLiveUpdates();
  return (
    <>
      <Page
        isManagedSidebar
        mainContainerId="content"
        masthead={<Head />}
        sidebar={<Places />}
        skipToContent={<SkipToContent href="#content">{t('nav.skip')}</SkipToContent>}
        isContentFilled
      >
        <ConnectionBanner />
        <Suspense fallback={<Loading />}>
          <Outlet />
        </Suspense>
      </Page>
      <Announcer />
      <JobAnnouncements />
      <SessionLost />
    </>
  );
}

function Head() {
  const { t } = useLanguage();
  return (
    <Masthead display={{ default: 'inline' }}>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton variant="plain" aria-label={t('nav.toggle')}>
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <Link to="/" className="amorce-brand-link">
            <Brand />
          </Link>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <div className="amorce-head-tools">
          <LanguageChoice />
          <Person />
        </div>
      </MastheadContent>
    </Masthead>
  );
}

function Places() {
  const { t } = useLanguage();
  const { pathname } = useLocation();
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label={t('nav.places')}>
          <NavList>
            {PLACES.map(({ to, label }) => (
              <NavItem key={to} isActive={pathname === to || (to !== '/' && pathname.startsWith(`${to}/`))}>
                <NavLink to={to} end={to === '/'}>{t(label)}</NavLink>
              </NavItem>
            ))}
          </NavList>
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}

function Person() {
  const { t } = useLanguage();
  const client = useQueryClient();
  const { data: session } = useQuery(sessionQuery);
  const [open, setOpen] = useState(false);
  const leave = useMutation({
    mutationFn: () => ask<undefined>('/session', { method: 'DELETE' }),
    onSettled: () => {
      client.clear();
      window.location.assign('/login');
    },
  });
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: 'right' }}
      toggle={(toggle) => (
        <MenuToggle
          ref={toggle}
          variant="plainText"
          icon={<UserIcon />}
          isExpanded={open}
          onClick={() => setOpen(!open)}
          aria-label={t('person.menu', { name: session?.name ?? '' })}
        >
          <span className="amorce-person-name">{session?.name}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem onClick={() => leave.mutate()}>{t('person.log-out')}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}

/** Says that what is shown may be old, for as long as it may be. */
function ConnectionBanner() {
  const { t } = useLanguage();
  const connection = useConnection();
  const client = useQueryClient();
  return (
    <div role="status" aria-live="polite">
      {connection === 'lost' && (
        <Banner status="warning" isSticky className="amorce-banner">
          {t('connection.lost')}{' '}
          <Button variant="link" isInline onClick={() => void client.invalidateQueries()}>
            {t('action.try-again')}
          </Button>
        </Banner>
      )}
    </div>
  );
}
