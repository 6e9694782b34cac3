//! What a boot's lines say.

/// A boot has at least this many checks: a kernel that checks nothing has not passed.
const LEAST: usize = 8;

/// How many checks passed, and how many do not apply.
///
/// # Errors
/// Why the boot has failed: a line says so, the last line is not what it should be, or says other numbers than the
/// lines before it.
pub fn judge(name: &str, said: &[String]) -> Result<[usize; 2], String> {
    let count = |word: &str| said.iter().filter(|line| line.starts_with(word)).count();
    let [passed, failed, skipped] = ["ok ", "FAIL ", "skipped: "].map(count);
    if failed > 0 {
        return Err(format!("{failed} failed"));
    }
    let last = format!("{name}: {passed} passed, 0 failed, {skipped} skipped");
    if said.iter().rev().find(|line| !line.is_empty()) != Some(&last) {
        return Err(format!("does not end with '{last}'"));
    }
    if passed < LEAST {
        return Err(format!("only {passed} checks"));
    }
    Ok([passed, skipped])
}

#[cfg(test)]
mod tests {
    use super::{LEAST, judge};

    const NAME: &str = "riscv64 sv39 4 CPUs";

    fn lines(oks: usize, rest: &[&str]) -> Vec<String> {
        let oks = std::iter::repeat_n("ok    one: fine", oks);
        oks.chain(rest.iter().copied()).map(String::from).collect()
    }

    #[test]
    fn a_boot_passes_when_its_last_line_counts_its_lines() {
        let last = format!("{NAME}: {LEAST} passed, 0 failed, 0 skipped");
        assert_eq!(judge(NAME, &lines(LEAST, &[&last])), Ok([LEAST, 0]));
        assert_eq!(judge(NAME, &lines(LEAST, &[&last, ""])), Ok([LEAST, 0]));
        let last = format!("{NAME}: {LEAST} passed, 0 failed, 1 skipped");
        let one = "skipped: one, because there is none";
        assert_eq!(judge(NAME, &lines(LEAST, &[one, &last])), Ok([LEAST, 1]));
    }

    #[test]
    fn a_boot_fails_without_a_last_line_that_fits() {
        let last = format!("{NAME}: {LEAST} passed, 0 failed, 0 skipped");
        let fails = |name, oks, rest: &[&str]| judge(name, &lines(oks, rest)).is_err();
        assert!(fails(NAME, LEAST, &[]));
        assert!(fails(NAME, LEAST - 1, &[&last]));
        assert!(fails("riscv64 sv48 4 CPUs", LEAST, &[&last]));
        assert!(fails("riscv64 sv39 1 CPU", LEAST, &[&last]));
        assert!(fails(NAME, LEAST, &[&last, "ok    late: line"]));
        assert!(fails(NAME, LEAST, &["skipped: one, because", &last]));
        assert!(judge(NAME, &[]).is_err());
    }

    #[test]
    fn a_boot_fails_when_a_line_fails_whatever_the_last_says() {
        let last = format!("{NAME}: {LEAST} passed, 0 failed, 0 skipped");
        assert!(judge(NAME, &lines(LEAST, &["FAIL  one: wrong", &last])).is_err());
    }

    #[test]
    fn a_boot_with_too_few_checks_fails() {
        let last = format!("{NAME}: 1 passed, 0 failed, 0 skipped");
        assert!(judge(NAME, &lines(1, &[&last])).is_err());
    }
}
