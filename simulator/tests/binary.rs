//! The program `wolkvox-simulator`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// A running simulator; it ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn it_prints_its_address_and_answers_a_report_there() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wolkvox-simulator"));
    program.args(["--listen", "127.0.0.1:0", "--token", "t"]).stdout(Stdio::piped());
    let mut running = Running(program.spawn().expect("the program starts"));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let address = line.trim().strip_prefix("base_url=http://").expect("its address");
    let ask = |token: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let target = "/api/v2/reports_manager.php?api=agent_3&date_ini=20260301000000&date_end=20260301235959";
        write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\nwolkvox-token: {token}\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8(answer).expect("JSON")
    };
    let good = ask("t");
    assert!(good.starts_with("HTTP/1.1 200 ") && good.contains("\"aux_state\""), "{good}");
    assert!(ask("another").starts_with("HTTP/1.1 403 "));
}
