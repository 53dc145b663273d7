//! What the screen says, in the languages of the people who read it. Marks in braces are filled in by [`fill`].
//!
//! `amorce: ready (MAC …)` is the same in every language: programs read it too.

use std::sync::atomic::{AtomicBool, Ordering};

/// The screen's texts in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// The keys, shown under every trouble.
    pub keys: &'static str,
    /// No adapter has a driver.
    pub no_adapter: &'static str,
    /// No cable carries a signal.
    pub no_carrier: &'static str,
    /// Nobody gives an address.
    pub no_address: &'static str,
    /// An adapter does not start; `{0}` says why.
    pub adapter_failed: &'static str,
    /// A network is there again.
    pub network_up: &'static str,
    /// Looking for the appliance at `{0}`.
    pub calling: &'static str,
    /// The appliance does not answer; `{0}` says how.
    pub no_answer: &'static str,
    /// It answers again.
    pub answers_again: &'static str,
    /// No disk.
    pub no_disk: &'static str,
    /// There are others than at the greeting; the appliance has to be told.
    pub disks_changed: &'static str,
    /// Waiting for a job; `{0}` says why.
    pub waiting: &'static str,
    /// A password is wanted for the menu's entry `{0}`.
    pub password_wanted: &'static str,
    /// A step begins: `{0}` title, `{1}` step.
    pub step_begins: &'static str,
    /// The same after an interruption.
    pub step_resumes: &'static str,
    /// A step ended well: `{0}` step, `{1}` figures.
    pub step_done: &'static str,
    /// A step failed: `{0}` step, `{1}` why.
    pub step_failed: &'static str,
    /// A person has to choose: `{0}` step, `{1}` what.
    pub step_needs_person: &'static str,
    /// How far: `{0}` phase, `{1}` done, `{2}` total, `{3}` percent, `{4}` rate, `{5}` rest.
    pub progress: &'static str,
    /// What a restore will do: `{0}` written, `{1}` used, `{2}` over the wire.
    pub estimate: &'static str,
    /// The machine leaves for its own disk.
    pub leaving: &'static str,
    /// It would leave, but no disk boots.
    pub nothing_bootable: &'static str,
    /// It would leave, but somebody pressed a key.
    pub held_by_key: &'static str,
    /// It restarts.
    pub restarting: &'static str,
    /// It is switched off.
    pub switching_off: &'static str,
    /// The session is over: `{0}` says why.
    pub session_over: &'static str,
    /// No shell was packed.
    pub no_shell: &'static str,
    /// Bytes used, read, written, sent over the wire, of memory; the number stands before.
    pub figures: [&'static str; 5],
    /// What the engine is doing, by the code that it tells; a code that is not here is shown as it is.
    pub phases: &'static [(&'static str, &'static str)],
}

impl Words {
    /// What the engine is doing, in words.
    #[must_use]
    pub fn phase<'a>(&self, code: &'a str) -> &'a str {
        self.phases
            .iter()
            .find(|(known, _)| *known == code)
            .map_or(code, |(_, words)| words)
    }
}

/// English.
pub const ENGLISH: Words = Words {
    keys: "  keys: r = try again   s = shell   l = start from this machine's own disk",
    no_adapter: "no network adapter has a driver; plug in a USB adapter, or see above for a missing firmware file",
    no_carrier: "no network cable carries a signal; plug it in, or try another socket",
    no_address: "nobody gives this machine a network address; check the DHCP server and the switch port",
    adapter_failed: "the network adapter does not start: {0}; see above for a missing firmware file",
    network_up: "network is up",
    calling: "calling the appliance at {0}",
    no_answer: "the appliance does not answer, trying on: {0}",
    answers_again: "the appliance answers again",
    no_disk: "no disk found; check that it is plugged in and switched on in the firmware set-up",
    disks_changed: "the disks have changed; restarting, so that the appliance learns of it",
    waiting: "waiting: {0}",
    password_wanted: "{0}: type the password and press Enter; nothing is shown. Esc: this machine's own disk",
    step_begins: "job {0}: {1}",
    step_resumes: "job goes on where it was: {0}: {1}",
    step_done: "done: {0}; {1}",
    step_failed: "FAILED: {0}: {1}",
    step_needs_person: "waits for a person: {0}: {1}",
    progress: "  {0} {1} of {2} ({3} %), {4}/s, {5} left",
    estimate: "  {0} of {1} will be written, {2} over the wire",
    leaving: "starting from this machine's own disk",
    nothing_bootable: "no disk of this machine boots; waiting for a job",
    held_by_key: "a key was pressed; waiting for a job",
    restarting: "restarting",
    switching_off: "switching off",
    session_over: "the appliance has ended this session: {0}; restarting in 15 seconds",
    no_shell: "no shell was packed into this boot",
    figures: ["used", "read", "written", "over the wire", "of memory at most"],
    phases: &[
        ("inspecting", "looking at the disk"),
        ("rescuing", "reading bad places again"),
    ],
};

/// French.
pub const FRENCH: Words = Words {
    keys: "  touches : r = réessayer   s = invite de commandes   l = démarrer sur le disque de cette machine",
    no_adapter: "aucune carte réseau n'a de pilote ; branchez un adaptateur USB, ou voyez ci-dessus quel micrologiciel manque",
    no_carrier: "aucun câble réseau n'a de signal ; branchez-le ou essayez une autre prise",
    no_address: "personne ne donne d'adresse réseau à cette machine ; vérifiez le serveur DHCP et le port du commutateur",
    adapter_failed: "la carte réseau ne démarre pas : {0} ; voyez ci-dessus quel micrologiciel manque",
    network_up: "le réseau fonctionne",
    calling: "appel du serveur Amorce à {0}",
    no_answer: "le serveur Amorce ne répond pas, nouvel essai : {0}",
    answers_again: "le serveur Amorce répond de nouveau",
    no_disk: "aucun disque trouvé ; vérifiez qu'il est branché et activé dans la configuration du micrologiciel",
    disks_changed: "les disques ont changé ; redémarrage, pour que le serveur Amorce en soit informé",
    waiting: "en attente : {0}",
    password_wanted: "{0} : tapez le mot de passe puis Entrée ; rien ne s'affiche. Échap : disque de cette machine",
    step_begins: "tâche {0} : {1}",
    step_resumes: "reprise de la tâche {0} : {1}",
    step_done: "terminé : {0} ; {1}",
    step_failed: "ÉCHEC : {0} : {1}",
    step_needs_person: "attend une personne : {0} : {1}",
    progress: "  {0} {1} sur {2} ({3} %), {4}/s, reste {5}",
    estimate: "  {0} sur {1} seront écrits, {2} par le réseau",
    leaving: "démarrage sur le disque de cette machine",
    nothing_bootable: "aucun disque de cette machine ne démarre ; en attente d'une tâche",
    held_by_key: "une touche a été pressée ; en attente d'une tâche",
    restarting: "redémarrage",
    switching_off: "arrêt",
    session_over: "le serveur Amorce a mis fin à cette session : {0} ; redémarrage dans 15 secondes",
    no_shell: "aucune invite de commandes dans ce démarrage",
    figures: ["utilisés", "lus", "écrits", "sur le réseau", "de mémoire au plus"],
    phases: &[
        ("inspecting", "examen du disque"),
        ("reading", "lecture"),
        ("rescuing", "relecture des zones défectueuses"),
        ("comparing", "comparaison"),
        ("writing", "écriture"),
        ("flushing", "vidage du cache"),
        ("checking", "contrôle"),
    ],
};

/// Speaks this language from now on, English if it is not known.
pub fn speak(language: &str) {
    SPEAKS_FRENCH.store(language.starts_with("fr"), Ordering::Relaxed);
}

/// The texts in the language spoken.
#[must_use]
pub fn words() -> &'static Words {
    if SPEAKS_FRENCH.load(Ordering::Relaxed) {
        &FRENCH
    } else {
        &ENGLISH
    }
}

static SPEAKS_FRENCH: AtomicBool = AtomicBool::new(false);

/// A text with its marks replaced.
#[must_use]
pub fn fill(text: &str, values: &[&str]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after
            .split_once('}')
            .and_then(|(number, after)| Some((values.get(number.parse::<usize>().ok()?)?, after)));
        match value {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fill_their_marks_and_bring_none_of_their_own() {
        assert_eq!(fill("{0} of {1}{", &["{1}", "b"]), "{1} of b{");
        assert_eq!(fill("{7} {x", &[]), "{7} {x");
    }

    #[test]
    fn a_phase_that_no_language_knows_is_shown_by_its_code() {
        assert_eq!(
            (FRENCH.phase("writing"), FRENCH.phase("new")),
            ("écriture", "new")
        );
    }

    #[test]
    fn both_languages_fill_the_same_marks() {
        let marks = |text: &str| {
            (0..6)
                .filter(|n| text.contains(&format!("{{{n}}}")))
                .collect::<Vec<_>>()
        };
        for (english, french) in [
            (ENGLISH.progress, FRENCH.progress),
            (ENGLISH.estimate, FRENCH.estimate),
            (ENGLISH.step_done, FRENCH.step_done),
            (ENGLISH.step_failed, FRENCH.step_failed),
            (ENGLISH.step_begins, FRENCH.step_begins),
            (ENGLISH.waiting, FRENCH.waiting),
            (ENGLISH.session_over, FRENCH.session_over),
            (ENGLISH.calling, FRENCH.calling),
        ] {
            assert_eq!(marks(english), marks(french), "{english}");
        }
    }
}
