/** The head of a page: its title, where it stands, and what can be done on it. */
import { Breadcrumb, BreadcrumbItem, Content, Flex, FlexItem, PageSection, Title } from '@patternfly/react-core';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link, useLocation } from 'react-router';

interface Heading {
  title: string;
  /** One sentence under the title. */
  about?: ReactNode;
  /** The list this thing belongs to. */
  parent?: { to: string; label: string };
  /** Labels beside the title. */
  labels?: ReactNode;
  actions?: ReactNode;
}

/** Names the window and takes the focus when a person arrives, so that a screen reader begins here. */
export function PageHeading({ title, about, parent, labels, actions }: Heading) {
  const heading = useRef<HTMLHeadingElement>(null);
  const { pathname } = useLocation();
  useEffect(() => {
    document.title = `${title} · Amorce`;
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [pathname]);
  return (
    <PageSection hasBodyWrapper={false} className="amorce-heading">
      {parent !== undefined && (
        <Breadcrumb>
          <BreadcrumbItem render={({ className }) => (
            <Link className={className} to={parent.to}>
              {parent.label}
            </Link>
          )} />
          <BreadcrumbItem isActive>{title}</BreadcrumbItem>
        </Breadcrumb>
      )}
      <Flex alignItems={{ default: 'alignItemsCenter' }} columnGap={{ default: 'columnGapMd' }}>
        <FlexItem>
          <Title headingLevel="h1" ref={heading} tabIndex={-1} className="amorce-title">
            {title}
          </Title>
        </FlexItem>
        {labels !== undefined && <FlexItem>{labels}</FlexItem>}
        {actions !== undefined && <FlexItem align={{ default: 'alignRight' }}>{actions}</FlexItem>}
      </Flex>
      {about !== undefined && <Content component="p" className="amorce-about">{about}</Content>}
    </PageSection>
  );
}
