//! The command line: commands, flags and their environment variables.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::config::Shard;
use crate::web;

/// Prometheus exporter for contact centres on wolkvox.
#[derive(Debug, Parser)]
#[command(name = "wolkvox-exporter", version = env!("WOLKVOX_VERSION"), about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub flags: Flags,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Poll the configured operations and serve their metrics (the default).
    Serve,
    /// Show everything with simulated operations: no token, no file, no network.
    Demo(DemoFlags),
    /// Check the config file, and with --probe also the access to the vendor.
    Check(CheckFlags),
    /// Print the catalogue of reports, with those that the files of the config declare.
    Reports,
    /// Ask the exporter that listens at --web.listen-address whether it is alive: status 0 or 1, for health checks.
    Health,
    /// Read a password and print its hash, for the users of a web config.
    Bcrypt,
}

/// What is checked beside the config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct CheckFlags {
    /// Send one API request per operation and report, and print what came back. Each costs budget. No more are sent with a
    /// token that is refused or gets no answer.
    #[arg(long)]
    pub probe: bool,

    /// Probe only this operation; can be given several times.
    #[arg(long = "operation", value_name = "NAME", requires = "probe")]
    pub operations: Vec<String>,

    /// Save the answers into this folder, for a bug report: names, ids, phones and other texts in them are replaced. What
    /// would be written is shown first, and nothing is sent anywhere.
    #[arg(long, value_name = "DIR", requires = "probe")]
    pub save: Option<PathBuf>,

    /// Save the answers without asking.
    #[arg(long, requires = "save")]
    pub yes: bool,
}

/// How large the simulated contact centres are.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DemoFlags {
    /// How many operations are simulated. The reports of up to 250 agents are polled every 5 seconds, of more less often:
    /// of 40 operations with 25 agents each every 20 seconds.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = value_parser!(u16).range(1..=200))]
    pub operations: u16,

    /// How many agents each operation has.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = value_parser!(u16).range(1..=1000))]
    pub agents: u16,

    /// Serve nothing: write what polls of the last days would have left at a Prometheus, up to now, into this folder.
    /// `promtool tsdb create-blocks-from openmetrics --max-block-duration=18h FILE` makes blocks of each of its files.
    #[arg(long, value_name = "DIR")]
    pub history: Option<PathBuf>,

    /// How many days the history has.
    #[arg(long, value_name = "N", default_value_t = 14, requires = "history", value_parser = value_parser!(u16).range(1..=90))]
    pub days: u16,

    /// Let the history have all built-in reports, not only those that are polled by default. It takes four times as long.
    #[arg(long, requires = "history")]
    pub all_reports: bool,

    /// Compress the files of the history with gzip, to a fifteenth of their size.
    #[arg(long, requires = "history")]
    pub gzip: bool,

    /// Watch the answers that `check --probe --save=DIR` wrote into this folder, as if they came today.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["history", "operations", "agents"])]
    pub replay: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Flags {
    /// The config file.
    #[arg(long = "config.file", env = "WOLKVOX_EXPORTER_CONFIG_FILE", global = true, value_name = "FILE")]
    pub config_file: Option<PathBuf>,

    /// Address to listen on; can be given several times. `:10077` means all addresses, of IPv4 and IPv6.
    #[arg(
        long = "web.listen-address",
        env = "WOLKVOX_EXPORTER_WEB_LISTEN_ADDRESS",
        global = true,
        value_name = "ADDRESS",
        value_delimiter = ',',
        default_value = "127.0.0.1:10077",
        value_parser = listen_address
    )]
    pub listen_addresses: Vec<String>,

    /// Host that requests may name besides loopback ones, such as a proxy's name; can be given several times. Without
    /// it, any is answered where users are set or the address is not a loopback one; with it, no other is, anywhere.
    #[arg(
        long = "web.allowed-host",
        env = "WOLKVOX_EXPORTER_WEB_ALLOWED_HOST",
        global = true,
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<web::Host>,

    /// Path of the metrics.
    #[arg(
        long = "web.telemetry-path",
        env = "WOLKVOX_EXPORTER_WEB_TELEMETRY_PATH",
        global = true,
        value_name = "PATH",
        default_value = "/metrics",
        value_parser = telemetry_path
    )]
    pub telemetry_path: String,

    /// Who may read: TLS, users, headers and rate limit, in the form of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", env = "WOLKVOX_EXPORTER_WEB_CONFIG_FILE", global = true, value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,

    /// Folder for what survives a restart: API requests spent today and the last good data. `none` keeps it in memory:
    /// then a restart forgets what was spent, and may overspend.
    #[arg(long = "state.dir", env = "WOLKVOX_EXPORTER_STATE_DIR", global = true, value_name = "DIR")]
    pub state_dir: Option<String>,

    /// Poll only this exporter's share of the operations: shard I of N, from 0/N to N-1/N. All of them read one config.
    #[arg(long = "shard", env = "WOLKVOX_EXPORTER_SHARD", global = true, value_name = "I/N")]
    pub shard: Option<Shard>,

    /// Least severity that is logged: error, warn, info, debug, trace.
    #[arg(
        long = "log.level",
        env = "WOLKVOX_EXPORTER_LOG_LEVEL",
        global = true,
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub log_level: tracing::Level,

    /// Form of the log lines.
    #[arg(
        long = "log.format",
        env = "WOLKVOX_EXPORTER_LOG_FORMAT",
        global = true,
        value_name = "FORMAT",
        default_value = "logfmt"
    )]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Logfmt,
    Json,
}

/// A host, or nothing, and a port. Whether it can be listened on is for the system to say.
fn listen_address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        None if text.parse::<u16>().is_ok() => {
            Err(format!("a host and a port: 127.0.0.1:{text} for this machine alone, or :{text} for every address"))
        }
        _ => Err("a host and a port, such as 127.0.0.1:10077, or :10077 for every address".to_owned()),
    }
}

/// A path of plain characters: it becomes a route, and routes have a syntax of their own.
fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte);
    let segments = text.strip_prefix('/').map(|rest| rest.split('/').all(|segment| !segment.is_empty()));
    if segments == Some(true) && text.bytes().all(plain) && !web::is_taken(text) {
        Ok(text.to_owned())
    } else {
        Err("a path such as /metrics, not below /-/ and not another page's".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use clap::CommandFactory;
    use clap_mangen::Man;

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_and_flags_stand_on_either_side_of_a_command() {
        let parse = |args: &str| Cli::try_parse_from(args.split(' ')).unwrap();
        let plain = parse("wolkvox-exporter --config.file=a.yml");
        assert_eq!((plain.command, plain.flags.listen_addresses), (None, vec!["127.0.0.1:10077".to_owned()]));
        let check =
            parse("wolkvox-exporter check --config.file=a.yml --probe --web.listen-address=:1 --web.listen-address=:2");
        let flags = CheckFlags { probe: true, ..CheckFlags::default() };
        assert_eq!(check.command, Some(Command::Check(flags)));
        assert!(Cli::try_parse_from(["x", "check", "--operation=acme"]).is_err());
        assert!(Cli::try_parse_from(["x", "check", "--save=a"]).is_err());
        assert!(Cli::try_parse_from(["x", "check", "--probe", "--yes"]).is_err());
        assert_eq!(check.flags.listen_addresses, [":1", ":2"]);
    }

    #[test]
    fn allowed_hosts_are_given_several_times_or_with_commas_and_have_no_port() {
        let parse = |args: &str| Cli::try_parse_from(args.split(' ').chain(["--config.file=a.yml"]));
        let hosts = |args| parse(args).unwrap().flags.allowed_hosts;
        let expected: Vec<web::Host> = ["a.example", "192.0.2.7", "::1"].map(|host| host.parse().unwrap()).into();
        assert_eq!(hosts("x --web.allowed-host=a.example,192.0.2.7 --web.allowed-host=[::1]"), expected);
        assert_eq!(hosts("x"), []);
        assert!(parse("x --web.allowed-host=a.example:1").is_err());
    }

    #[test]
    fn a_telemetry_path_is_a_plain_path_outside_the_lifecycle_ones() {
        for wrong in ["metrics", "/", "/-/ready", "/a//b", "/{x}", "/a b", "/a/", "/status.json"] {
            assert!(telemetry_path(wrong).is_err(), "{wrong}");
        }
        assert!(telemetry_path("/metrics/wolkvox").is_ok());
    }

    #[test]
    fn a_listen_address_has_a_port_and_what_has_none_is_told_how_to_write_it() {
        for right in [":10077", "127.0.0.1:0", "[::1]:9100", "localhost:80"] {
            assert_eq!(listen_address(right).as_deref(), Ok(right));
        }
        let said = listen_address("10077").unwrap_err();
        assert!(said.contains("127.0.0.1:10077") && said.contains(" :10077"), "{said}");
        for wrong in ["", "localhost", "127.0.0.1", ":", ":99999", "127.0.0.1:http"] {
            assert!(listen_address(wrong).unwrap_err().contains("127.0.0.1:10077"), "{wrong}");
        }
    }

    /// What the manual page says beyond the flags.
    const MANUAL_TAIL: &str = "\
.SH \"EXIT STATUS\"
0 if all went well, 1 if it could not start or run, 2 if the usage is wrong.
.SH FILES
.TP
/etc/wolkvox\\-exporter/wolkvox\\-exporter.yml
The config of the packaged service. Every key stands in
/usr/share/doc/wolkvox\\-exporter/examples/wolkvox\\-exporter.example.yml.
.TP
/etc/default/wolkvox\\-exporter
Variables of the packaged service.
.TP
/etc/wolkvox\\-exporter/tokens/
Tokens, a file for each. The packaged service sees the file NAME as
/run/credentials/wolkvox\\-exporter.service/token_NAME.
.SH SIGNALS
SIGHUP reads the config again; a wrong one changes nothing. SIGTERM and SIGINT end it within two seconds.
";

    /// Title, flags with their variables, commands with what only they take, and the rest.
    fn manual() -> std::io::Result<String> {
        // Without the commit, which would be another one with each.
        let cli = Cli::command().version(env!("CARGO_PKG_VERSION"));
        let mut out = Vec::new();
        let page = Man::new(cli.clone());
        page.render_title(&mut out)?;
        page.render_name_section(&mut out)?;
        page.render_synopsis_section(&mut out)?;
        // One page for all: the library would refer to a page for each.
        out.extend(b".SH COMMANDS\n");
        for command in cli.get_subcommands() {
            let own = command.get_arguments().filter_map(|arg| Some((arg.get_long()?, arg.get_help()?)));
            let (flags, helps): (String, String) =
                own.map(|(long, help)| (format!(" [--{long}]"), format!("\n--{long}: {help}."))).unzip();
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let text = format!(".TP\n{}{flags}\n{about}.{helps}\n", command.get_name());
            out.extend(text.replace('-', "\\-").bytes());
        }
        page.render_options_section(&mut out)?;
        Ok(String::from_utf8(out).expect("texts of this source") + MANUAL_TAIL)
    }

    #[test]
    fn the_manual_page_is_what_the_flags_say() {
        let written = manual().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wolkvox-exporter.1");
        if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
            std::fs::write(path, written).unwrap();
            return;
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == kept, "out of date; to renew it: UPDATE_DOCS=1 cargo test the_manual_page");
    }
}
