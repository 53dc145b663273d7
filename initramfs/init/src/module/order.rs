//! In which order modules are loaded for a device.

use protocol::module_table::{ModuleTable, alias_matches, normalise_alias};
use std::collections::{BTreeMap, BTreeSet};

/// A table, prepared for many look-ups.
#[derive(Debug)]
pub struct Index {
    table: ModuleTable,
    by_name: BTreeMap<String, usize>,
    /// Patterns by the text before their first `:`, which says the bus; those with a wildcard there under "".
    by_bus: BTreeMap<String, Vec<(String, usize)>>,
}

impl Index {
    /// Prepares a table.
    #[must_use]
    pub fn new(mut table: ModuleTable) -> Self {
        let mut by_name = BTreeMap::new();
        let mut by_bus: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
        for (number, module) in table.modules.iter_mut().enumerate() {
            by_name.insert(module.name.clone(), number);
            for alias in std::mem::take(&mut module.aliases) {
                by_bus
                    .entry(bus(&alias).to_owned())
                    .or_default()
                    .push((alias, number));
            }
        }
        Self {
            table,
            by_name,
            by_bus,
        }
    }

    /// The modules.
    #[must_use]
    pub fn table(&self) -> &ModuleTable {
        &self.table
    }

    /// Numbers of the modules to load for a device's alias or a module's name, each after what it wants before it.
    #[must_use]
    pub fn order(&self, wish: &str) -> Vec<usize> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        self.visit_wish(&normalise_alias(wish), &mut seen, &mut order);
        order
    }

    fn visit_wish(&self, wish: &str, seen: &mut BTreeSet<usize>, order: &mut Vec<usize>) {
        if let Some(number) = self.by_name.get(wish) {
            return self.visit(*number, seen, order);
        }
        for bus in [bus(wish), ""] {
            for (pattern, number) in self.by_bus.get(bus).into_iter().flatten() {
                if alias_matches(pattern, wish) {
                    self.visit(*number, seen, order);
                }
            }
        }
    }

    /// `seen` before the descent: modules that wish for each other end no program.
    fn visit(&self, number: usize, seen: &mut BTreeSet<usize>, order: &mut Vec<usize>) {
        if !seen.insert(number) {
            return;
        }
        let module = &self.table.modules[number];
        for wish in module.before.iter().chain(&module.needs) {
            self.visit_wish(wish, seen, order);
        }
        order.push(number);
        for wish in &module.after {
            self.visit_wish(wish, seen, order);
        }
    }
}

fn bus(alias: &str) -> &str {
    let bus = alias.split(':').next().unwrap_or_default();
    if bus.len() == alias.len() || bus.contains(['*', '?', '[']) {
        ""
    } else {
        bus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> Index {
        Index::new(ModuleTable::parse(&format!("amorce-modules 1 k\n{text}")).unwrap())
    }

    fn names(index: &Index, wish: &str) -> Vec<String> {
        index
            .order(wish)
            .into_iter()
            .map(|number| index.table().modules[number].name.clone())
            .collect()
    }

    #[test]
    fn soft_and_hard_dependencies_come_first_and_wishes_for_after_last() {
        let index = index(
            "module r8169 a\nneeds libphy mdio\nbefore realtek crc\nafter extra\nalias pci:v000010ECd00008168sv*\n\
             module realtek b\nneeds libphy\nmodule libphy c\nmodule extra d\nneeds r8169\nmodule fast_crc e\nalias crc\n",
        );
        let expected = ["libphy", "realtek", "fast_crc", "r8169", "extra"];
        assert_eq!(names(&index, "pci:v000010ECd00008168sv00001028"), expected);
        assert!(names(&index, "pci:v000010ECd00008169sv00001028").is_empty());
    }

    #[test]
    fn a_wish_may_be_a_name_with_dashes() {
        assert_eq!(names(&index("module nls_cp437 a\n"), "nls-cp437"), ["nls_cp437"]);
    }

    #[test]
    fn modules_that_wish_for_each_other_are_each_loaded_once() {
        let index = index("module a x\nbefore b\nneeds a\nmodule b y\nneeds a\nafter a\n");
        assert_eq!(names(&index, "a").len(), 2);
    }

    #[test]
    fn every_driver_that_means_a_device_is_loaded() {
        let index = index(
            "module ehci a\nalias pci:*bc0Csc03i20*\nmodule special b\nalias pci:v1*\nmodule any c\nalias *bc0C*\n",
        );
        assert_eq!(names(&index, "pci:v1bc0Csc03i20"), ["ehci", "special", "any"]);
    }
}
