//! What the exporter costs this machine: the `process_*` metrics, as every Prometheus client names them.

use procfs::process::{LimitValue, Process};
use prometheus_client::collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads `/proc/self` at each scrape, but for what stays as it is. Elsewhere than on Linux there are no such metrics.
#[derive(Debug)]
pub struct ProcessCollector {
    process: Process,
    start_seconds: f64,
    max_fds: f64,
}

impl ProcessCollector {
    pub fn new() -> procfs::ProcResult<ProcessCollector> {
        let process = Process::myself()?;
        let started = process.stat()?.starttime as f64 / procfs::ticks_per_second() as f64;
        Ok(ProcessCollector {
            start_seconds: procfs::boot_time_secs()? as f64 + started,
            max_fds: match process.limits()?.max_open_files.soft_limit {
                LimitValue::Value(limit) => limit as f64,
                LimitValue::Unlimited => f64::INFINITY,
            },
            process,
        })
    }

    /// The same with another start, since the Unix epoch.
    pub fn started_at(self, start_seconds: f64) -> ProcessCollector {
        ProcessCollector { start_seconds, ..self }
    }

    fn usage(&self) -> procfs::ProcResult<Usage> {
        let stat = self.process.stat()?;
        Ok(Usage {
            cpu_seconds: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            resident_bytes: (stat.rss * procfs::page_size()) as f64,
            virtual_bytes: stat.vsize as f64,
            open_fds: self.process.fd_count()? as f64,
        })
    }
}

struct Usage {
    cpu_seconds: f64,
    resident_bytes: f64,
    virtual_bytes: f64,
    open_fds: f64,
}

impl collector::Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Ok(usage) = self.usage() else { return Ok(()) };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let metric = encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system CPU time spent",
            None,
            cpu.metric_type(),
        )?;
        cpu.encode(metric)?;
        for (name, help, value) in [
            ("process_start_time_seconds", "When the process started, since the Unix epoch", self.start_seconds),
            ("process_resident_memory_bytes", "Resident memory", usage.resident_bytes),
            ("process_virtual_memory_bytes", "Virtual memory", usage.virtual_bytes),
            ("process_open_fds", "Open file descriptors", usage.open_fds),
            ("process_max_fds", "Most file descriptors that can be open", self.max_fds),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
