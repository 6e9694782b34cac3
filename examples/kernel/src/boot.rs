//! The boots that there are, and which of them are meant.

use crate::machine::{MACHINES, Machine, Mode};

/// One boot of a machine.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    pub machine: &'static Machine,
    pub mode: &'static Mode,
    pub cpus: usize,
}

impl Boot {
    /// How the kernel's last line begins.
    pub fn name(&self) -> String {
        let plural = if self.cpus == 1 { "" } else { "s" };
        format!(
            "{} {} {} CPU{plural}",
            self.machine.arch, self.mode.name, self.cpus
        )
    }

    pub fn is_of(&self, machine: &Machine) -> bool {
        self.machine.arch == machine.arch
    }

    /// Whether it is meant by words: each is an architecture, a mode or a number of CPUs, and of each kind that is
    /// named, one word must fit.
    fn is_meant(&self, words: &[String]) -> bool {
        let cpus = self.cpus.to_string();
        let fits = |kind: fn(&str) -> bool, own: &str| {
            let mut named = words.iter().filter(|word| kind(word)).peekable();
            named.peek().is_none() || named.any(|word| word == own)
        };
        fits(is_arch, self.machine.arch) && fits(is_mode, self.mode.name) && fits(is_count, &cpus)
    }
}

fn is_arch(word: &str) -> bool {
    MACHINES.iter().any(|machine| machine.arch == word)
}

fn is_mode(word: &str) -> bool {
    let mut modes = MACHINES.iter().flat_map(|machine| machine.modes);
    modes.any(|mode| mode.name == word)
}

fn is_count(word: &str) -> bool {
    let modes = MACHINES.iter().flat_map(|machine| machine.modes);
    let mut counts = modes.flat_map(|mode| mode.cpus);
    counts.any(|count| count.to_string() == word)
}

/// All boots, or those that words mean.
///
/// # Errors
/// What the words can be.
pub fn boots(words: &[String]) -> Result<Vec<Boot>, String> {
    let all = MACHINES.iter().flat_map(|machine| {
        let modes = machine.modes.iter();
        modes.flat_map(move |mode| {
            let cpus = mode.cpus.iter();
            cpus.map(move |&cpus| Boot {
                machine,
                mode,
                cpus,
            })
        })
    });
    let known = |word: &String| is_arch(word) || is_mode(word) || is_count(word);
    let meant: Vec<_> = all.clone().filter(|boot| boot.is_meant(words)).collect();
    if meant.is_empty() || !words.iter().all(known) {
        let names: Vec<_> = all.map(|boot| boot.name()).collect();
        return Err(format!(
            "there is no boot {words:?}: name an architecture, a mode, a number of CPUs of these:\n{}",
            names.join("\n")
        ));
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::{MACHINES, boots};

    fn names(words: &[&str]) -> Option<Vec<String>> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        let boots = boots(&words).ok()?;
        Some(boots.iter().map(super::Boot::name).collect())
    }

    #[test]
    fn without_words_all_are_meant() {
        let modes = MACHINES.iter().flat_map(|machine| machine.modes);
        let all: usize = modes.map(|mode| mode.cpus.len()).sum();
        assert_eq!(names(&[]).map(|names| names.len()), Some(all));
    }

    #[test]
    fn words_of_each_kind_must_fit() {
        let some = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        assert_eq!(
            names(&["riscv64", "sv48", "4"]),
            some(&["riscv64 sv48 4 CPUs"])
        );
        assert_eq!(
            names(&["sv57", "sv39", "1"]),
            some(&["riscv64 sv39 1 CPU", "riscv64 sv57 1 CPU"])
        );
    }

    #[test]
    fn an_unknown_word_is_refused() {
        assert_eq!(names(&["riscv64", "sv99"]), None);
        assert_eq!(names(&["3"]), None);
    }
}
