/** The icons the page uses, each from its own file: the package's index would be read whole. */
export { BanIcon } from '@patternfly/react-icons/dist/esm/icons/ban-icon';
export { BarsIcon } from '@patternfly/react-icons/dist/esm/icons/bars-icon';
export { CheckCircleIcon } from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
export { CloneIcon } from '@patternfly/react-icons/dist/esm/icons/clone-icon';
export { DesktopIcon } from '@patternfly/react-icons/dist/esm/icons/desktop-icon';
export { ExclamationCircleIcon } from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon';
export { ExclamationTriangleIcon } from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon';
export { InfoCircleIcon } from '@patternfly/react-icons/dist/esm/icons/info-circle-icon';
export { OutlinedClockIcon } from '@patternfly/react-icons/dist/esm/icons/outlined-clock-icon';
export { PencilAltIcon } from '@patternfly/react-icons/dist/esm/icons/pencil-alt-icon';
export { SearchIcon } from '@patternfly/react-icons/dist/esm/icons/search-icon';
export { SyncAltIcon } from '@patternfly/react-icons/dist/esm/icons/sync-alt-icon';
export { TasksIcon } from '@patternfly/react-icons/dist/esm/icons/tasks-icon';
export { UserIcon } from '@patternfly/react-icons/dist/esm/icons/user-icon';
