//! What a boot's lines say.

/// A boot has at least this many checks: a kernel that checks nothing has not passed.
const LEAST: usize = 8;

/// How many checks passed.
///
/// # Errors
/// Why the boot has failed: a line says so, the last line is not what it should be, or says other numbers than the
/// lines before it.
pub fn judge(mode: &str, harts: usize, said: &[String]) -> Result<usize, String> {
    let count = |word: &str| said.iter().filter(|line| line.starts_with(word)).count();
    let (passed, failed) = (count("ok "), count("FAIL "));
    if failed > 0 {
        return Err(format!("{failed} failed"));
    }
    let plural = if harts == 1 { "" } else { "s" };
    let last = format!("{mode} {harts} hart{plural}: {passed} passed, 0 failed");
    if said.iter().rev().find(|line| !line.is_empty()) != Some(&last) {
        return Err(format!("does not end with '{last}'"));
    }
    if passed < LEAST {
        return Err(format!("only {passed} checks"));
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::{LEAST, judge};

    fn lines(oks: usize, rest: &[&str]) -> Vec<String> {
        let oks = std::iter::repeat_n("ok    one: fine", oks);
        oks.chain(rest.iter().copied()).map(String::from).collect()
    }

    #[test]
    fn a_boot_passes_when_its_last_line_counts_its_lines() {
        let last = format!("sv39 4 harts: {LEAST} passed, 0 failed");
        assert_eq!(judge("sv39", 4, &lines(LEAST, &[&last])), Ok(LEAST));
        assert_eq!(judge("sv39", 4, &lines(LEAST, &[&last, ""])), Ok(LEAST));
    }

    #[test]
    fn a_boot_fails_without_a_last_line_that_fits() {
        let last = format!("sv39 1 hart: {LEAST} passed, 0 failed");
        assert!(judge("sv39", 1, &lines(LEAST, &[])).is_err());
        assert!(judge("sv39", 1, &lines(LEAST - 1, &[&last])).is_err());
        assert!(judge("sv48", 1, &lines(LEAST, &[&last])).is_err());
        assert!(judge("sv39", 4, &lines(LEAST, &[&last])).is_err());
        assert!(judge("sv39", 1, &lines(LEAST, &[&last, "ok    late: line"])).is_err());
        assert!(judge("sv39", 1, &[]).is_err());
    }

    #[test]
    fn a_boot_fails_when_a_line_fails_whatever_the_last_says() {
        let last = format!("sv39 1 hart: {LEAST} passed, 0 failed");
        assert!(judge("sv39", 1, &lines(LEAST, &["FAIL  one: wrong", &last])).is_err());
    }

    #[test]
    fn a_boot_with_too_few_checks_fails() {
        assert!(judge("sv39", 1, &lines(1, &["sv39 1 hart: 1 passed, 0 failed"])).is_err());
    }
}
