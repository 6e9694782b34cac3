//! Booting a kernel in QEMU.

use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine::Machine;

/// A boot takes five seconds to thirty where nobody else wants the processors, and ten times that where many do.
const LIMIT: Duration = Duration::from_secs(300);

pub struct Qemu {
    program: &'static str,
    args: &'static [&'static str],
    version: String,
}

/// QEMU for a machine.
///
/// # Errors
/// What to install.
pub fn find(machine: &Machine) -> Result<Qemu, String> {
    let &Machine {
        qemu: program,
        package,
        args,
        ..
    } = machine;
    let asked = Command::new(program).arg("--version").output();
    let version = asked.ok().filter(|answer| answer.status.success());
    let version = version.and_then(|answer| String::from_utf8(answer.stdout).ok());
    let first = version.and_then(|text| text.lines().next().map(String::from));
    let qemu = first.map(|version| Qemu {
        program,
        args,
        version,
    });
    qemu.ok_or_else(|| {
        format!(
            "{program} is missing: install QEMU 7.2 or newer\n\
             (Debian: apt-get install {package})"
        )
    })
}

impl Qemu {
    /// Boots `kernel`, shows what it says after the firmware, and answers it.
    ///
    /// # Errors
    /// QEMU cannot be run, or has not ended in time; it is ended then.
    pub fn boot(&self, kernel: &Path, cpus: usize) -> Result<Vec<String>, String> {
        let mut machine = Command::new(self.program)
            .args(self.args)
            .args(["-m", "2G", "-smp", &cpus.to_string()])
            .args(["-no-reboot", "-kernel"])
            .arg(kernel)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be run: {error}", self.program))?;
        let (tell, told) = mpsc::channel();
        if let Some(output) = machine.stdout.take() {
            thread::spawn(move || lines(output).try_for_each(|line| tell.send(line)));
        }

        let end = Instant::now() + LIMIT;
        let mut said = Vec::new();
        let ended = loop {
            match told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if is_firmware(&line) && said.is_empty() => {}
                Ok(line) => {
                    println!("{line}");
                    said.push(line);
                }
                Err(RecvTimeoutError::Disconnected) => break true,
                Err(RecvTimeoutError::Timeout) => break false,
            }
        };
        // One that has ended cannot be ended; the other has nothing more to say.
        let _ = machine.kill();
        let _ = machine.wait();
        if ended {
            Ok(said)
        } else {
            said.push(format!("FAIL  not done after {} s", LIMIT.as_secs()));
            Ok(said)
        }
    }
}

/// The lines of an output, whatever bytes are in it.
fn lines(output: impl Read) -> impl Iterator<Item = String> {
    let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
    lines.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Whether a line is not the kernel's: firmware says who it is before.
fn is_firmware(line: &str) -> bool {
    let begins = |word| line.starts_with(word);
    !["ok ", "FAIL ", "skipped: "].into_iter().any(begins)
}

impl fmt::Display for Qemu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)
    }
}
