#!/usr/bin/python3
"""prometheus-redis-exporter: what Prometheus sees of a server."""
import re
import socket
import subprocess
import time
import urllib.request

from check import AUTH_PORT, PASSWORD, PORT, check, output, same

START_SECONDS = 10
# Metrics that boards and alerts are made of. Of redis_commands_total and the like there is one for
# each command.
METRICS = """
    redis_up redis_uptime_in_seconds redis_connected_clients redis_blocked_clients
    redis_config_maxclients redis_config_maxmemory redis_memory_used_bytes redis_memory_max_bytes
    redis_memory_used_rss_bytes redis_memory_used_peak_bytes redis_mem_fragmentation_ratio
    redis_commands_processed_total redis_connections_received_total redis_rejected_connections_total
    redis_net_input_bytes_total redis_net_output_bytes_total redis_keyspace_hits_total
    redis_keyspace_misses_total redis_expired_keys_total redis_evicted_keys_total
    redis_cpu_sys_seconds_total redis_cpu_user_seconds_total redis_process_id
    redis_commands_total redis_commands_duration_seconds_total redis_commands_failed_calls_total
    redis_commands_rejected_calls_total redis_errors_total redis_db_keys redis_db_keys_expiring
    redis_db_avg_ttl_seconds redis_slowlog_length redis_slowlog_last_id
    redis_last_slow_execution_duration_seconds redis_loading_dump_file redis_aof_enabled
    redis_aof_last_write_status redis_aof_last_bgrewrite_status redis_rdb_last_bgsave_status
    redis_rdb_changes_since_last_save redis_rdb_last_save_timestamp_seconds redis_connected_slaves
    redis_instance_info redis_master_repl_offset redis_latency_percentiles_usec
    redis_connected_clients_details redis_key_size redis_key_value redis_keys_count
    redis_exporter_last_scrape_error redis_exporter_last_scrape_connect_time_seconds
""".split()


def cli(*arguments):
    return output(["redis-cli", "-p", str(PORT)] + list(arguments)).decode().strip()


class Exporter:
    def __init__(self, server, *options):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.address = "http://127.0.0.1:%d/metrics" % port
        self.process = subprocess.Popen(
            [
                "prometheus-redis-exporter",
                "-redis.addr",
                "redis://127.0.0.1:%d" % server,
                "-web.listen-address",
                "127.0.0.1:%d" % port,
                "-redis-only-metrics",
            ]
            + list(options),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )

    def scrape(self):
        """Name with labels: value."""
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(self.address, timeout=START_SECONDS) as answer:
                    text = answer.read().decode()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#")

    def end(self):
        self.process.kill()
        return self.process.communicate()[0].decode(errors="replace")


def number(metrics, pattern):
    """The sum of the metrics that fit."""
    return sum(float(value) for name, value in metrics.items() if re.match(pattern, name))


def activity():
    cli("config", "set", "slowlog-log-slower-than", "0")
    cli("config", "set", "latency-monitor-threshold", "1")
    for i in range(20):
        cli("set", "key:%d" % i, "x" * 100)
    cli("set", "brief", "x", "EX", "1000")
    cli("set", "number", "42")
    cli("incr", "key:1")
    cli("set", "too", "many", "arguments")
    cli("get", "none")
    cli("get", "number")


def main():
    activity()
    exporter = Exporter(
        PORT,
        "-check-single-keys",
        "number,key:1",
        "-count-keys",
        "db0=key:*",
        "-export-client-list",
        "-include-config-metrics",
        "-include-system-metrics",
        "-ping-on-connect",
        "-debug",
    )
    metrics = exporter.scrape()
    names = {re.match(r"\w+", name).group() for name in metrics}
    for name in METRICS:
        check(name, name in names)
    same("it is up", number(metrics, "redis_up$"), 1.0)
    same("no error", number(metrics, r"redis_exporter_last_scrape_error\{"), 0.0)
    same("keys", number(metrics, r'redis_db_keys\{db="db0"\}'), 22.0)
    same("keys that expire", number(metrics, r'redis_db_keys_expiring\{db="db0"\}'), 1.0)
    same("keys counted", number(metrics, r"redis_keys_count\{"), 20.0)
    same("a value", number(metrics, r'redis_key_value\{.*key="number"'), 42.0)
    same("a size", number(metrics, r'redis_key_size\{.*key="key:1"'), 100.0)
    check("commands", number(metrics, r'redis_commands_total\{cmd="set"\}') >= 22)
    check(
        "failed commands", number(metrics, r'redis_commands_failed_calls_total\{cmd="incr"\}') >= 1
    )
    check("errors", number(metrics, r'redis_errors_total\{err="ERR"\}') >= 2)
    check("misses", number(metrics, "redis_keyspace_misses_total") >= 1)
    check("slow commands", number(metrics, "redis_slowlog_length") > 10)
    check(
        "the client list",
        number(metrics, r'redis_connected_clients_details\{.*name="redis_exporter"') == 1,
    )
    text = exporter.end()
    problems = [line for line in text.splitlines() if re.search("level=(error|warning)", line)]
    same("nothing to complain of", problems, [])
    cli("config", "set", "slowlog-log-slower-than", "10000")
    guarded = Exporter(AUTH_PORT, "-redis.password", PASSWORD)
    same("with a password", number(guarded.scrape(), "redis_up$"), 1.0)
    guarded.end()
    refused = Exporter(AUTH_PORT)
    same("without", number(refused.scrape(), "redis_up$"), 0.0)
    refused.end()
    print("end", flush=True)


if __name__ == "__main__":
    main()
