//! The two APIs from outside: requests in, answers out, over a real catalog and a real depot in a folder.

mod agents;
mod events;
mod hostile;
mod people;
mod rights;
mod site;
mod work;
