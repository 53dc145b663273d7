/** Further actions behind one button. */
import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import { useState } from 'react';
import { EllipsisVIcon } from './icons';

/** An action of a menu; `null` is a line between two groups. */
export type Action = {
  label: string;
  onClick: () => void;
  isDanger?: boolean;
  isDisabled?: boolean;
  /** One sentence under it. */
  about?: string;
} | null;

/** A menu with a word on its button, or with three dots and a name for readers. */
export function ActionMenu({ label, actions, isPlain = false, isDisabled = false }: { label: string; actions: Action[]; isPlain?: boolean; isDisabled?: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: 'right' }}
      toggle={(toggle) => (
        <MenuToggle
          ref={toggle}
          variant={isPlain ? 'plain' : 'default'}
          isExpanded={open}
          isDisabled={isDisabled}
          onClick={() => setOpen(!open)}
          {...(isPlain ? { 'aria-label': label, icon: <EllipsisVIcon /> } : {})}
        >
          {isPlain ? undefined : label}
        </MenuToggle>
      )}
    >
      <DropdownList>
        {actions.map((action, index) =>
          action === null ? (
            <Divider key={`line-${index}`} component="li" />
          ) : (
            <DropdownItem
              key={action.label}
              isDanger={action.isDanger === true}
              isDisabled={action.isDisabled === true}
              description={action.about}
              onClick={action.onClick}
            >
              {action.label}
            </DropdownItem>
          ),
        )}
      </DropdownList>
    </Dropdown>
  );
}
