/**
 * What `tunicorn.config.ts` exports. Generated from the table: node src/cli/config-type-page.ts
 *
 * Runs in: a developer's editor.
 */
import type { ConfigValue } from "./config-value.ts";

export interface TunicornConfig {
  /**
   * The application as MODULE:VARIABLE, when the command line names none.
   */
  readonly wsgi_app?: ConfigValue<"wsgi_app">;
  /**
   * Where to listen: HOST, HOST:PORT, unix:PATH or fd://N. Repeat the option to listen on several.
   *
   * Default: ['127.0.0.1:8000']
   *
   * --bind
   */
  readonly bind?: ConfigValue<"bind">;
  /**
   * How many connections may wait in the kernel to be accepted.
   *
   * Default: 2048
   *
   * --backlog
   */
  readonly backlog?: ConfigValue<"backlog">;
  /**
   * How many worker processes handle requests.
   *
   * Default: 1
   *
   * --workers
   */
  readonly workers?: ConfigValue<"workers">;
  /**
   * The kind of worker: sync (one request at a time) or gthread (one per thread).
   *
   * Default: sync
   *
   * --worker-class
   */
  readonly worker_class?: ConfigValue<"worker_class">;
  /**
   * How many threads each worker handles requests with. More than one turns sync into gthread.
   *
   * Default: 1
   *
   * --threads
   */
  readonly threads?: ConfigValue<"threads">;
  /**
   * How many clients a worker of Gunicorn's threaded and asynchronous kinds holds.
   *
   * No effect: the gateway holds the connections, and no worker is bound by them.
   *
   * Default: 1000
   *
   * --worker-connections
   */
  readonly worker_connections?: ConfigValue<"worker_connections">;
  /**
   * How many requests a worker handles before another takes its place; it may be a few more. 0 means no limit.
   *
   * Default: 0
   *
   * --max-requests
   */
  readonly max_requests?: ConfigValue<"max_requests">;
  /**
   * The most that is added at random to max_requests, so that not all workers leave at once.
   *
   * Default: 0
   *
   * --max-requests-jitter
   */
  readonly max_requests_jitter?: ConfigValue<"max_requests_jitter">;
  /**
   * Seconds that a request to a sync worker may take before it is answered with 504 and ended. A worker with threads whose main thread does not run for so long is killed, and another takes its place. 0 means no limit.
   *
   * Default: 30
   *
   * --timeout
   */
  readonly timeout?: ConfigValue<"timeout">;
  /**
   * Seconds that a request may take up to the head of its response, and then from one part of the body to the next, before it is answered with 504 (or cut) and ended. A worker in which it cannot be ended is replaced and killed. 0 means no limit. Default: timeout for sync workers, no limit for workers with threads.
   *
   * --request-timeout
   */
  readonly request_timeout?: ConfigValue<"request_timeout">;
  /**
   * Seconds that requests have to finish when workers are stopped or restarted.
   *
   * Default: 30
   *
   * --graceful-timeout
   */
  readonly graceful_timeout?: ConfigValue<"graceful_timeout">;
  /**
   * Seconds that an idle connection is kept open for the client's next request.
   *
   * Default: 2
   *
   * --keep-alive
   */
  readonly keepalive?: ConfigValue<"keepalive">;
  /**
   * The event loop of ASGI workers: auto, asyncio or uvloop.
   *
   * No effect: only ASGI workers would read it, and there are none yet.
   *
   * Default: auto
   *
   * --asgi-loop
   */
  readonly asgi_loop?: ConfigValue<"asgi_loop">;
  /**
   * Whether ASGI applications are told of start and end: auto, on or off.
   *
   * No effect: only ASGI workers would read it, and there are none yet.
   *
   * Default: auto
   *
   * --asgi-lifespan
   */
  readonly asgi_lifespan?: ConfigValue<"asgi_lifespan">;
  /**
   * Seconds that an ASGI application may go on after its client has left.
   *
   * No effect: only ASGI workers would read it, and there are none yet.
   *
   * Default: 3
   *
   * --asgi-disconnect-grace-period
   */
  readonly asgi_disconnect_grace_period?: ConfigValue<"asgi_disconnect_grace_period">;
  /**
   * The longest message of a WebSocket, in bytes. 0 means no limit.
   *
   * No effect: only ASGI workers would read it, and there are none yet.
   *
   * Default: 16777216
   *
   * --websocket-max-message-size
   */
  readonly websocket_max_message_size?: ConfigValue<"websocket_max_message_size">;
  /**
   * Which of Gunicorn's parsers reads requests: auto, fast or python.
   *
   * No effect: the gateway has a parser of its own.
   *
   * Default: auto
   *
   * --http-parser
   */
  readonly http_parser?: ConfigValue<"http_parser">;
  /**
   * How many processes accept clients; all share the workers. One is enough for the workers of about eight cores. auto: one for eight cores.
   *
   * Default: 1
   *
   * --gateways
   */
  readonly gateways?: ConfigValue<"gateways">;
  /**
   * How many connections a gateway may have; more clients wait until one closes. 0 means three quarters of the descriptors it may open, without those for the workers' replies (two for each worker thread); it is never more than that.
   *
   * Default: 0
   *
   * --max-connections
   */
  readonly max_connections?: ConfigValue<"max_connections">;
  /**
   * Seconds that a client may take for the head of a request, and for its first byte after it has connected. 0 means no limit.
   *
   * Default: 30
   *
   * --header-timeout
   */
  readonly header_timeout?: ConfigValue<"header_timeout">;
  /**
   * Seconds that a client may pause while it sends a request body. 0 means no limit.
   *
   * Default: 30
   *
   * --body-timeout
   */
  readonly body_timeout?: ConfigValue<"body_timeout">;
  /**
   * Seconds that a client may take nothing of a response before its connection is cut. 0 means no limit.
   *
   * Default: 60
   *
   * --write-timeout
   */
  readonly write_timeout?: ConfigValue<"write_timeout">;
  /**
   * Seconds that a worker serves before another takes its place. 0 means no limit.
   *
   * Default: 0
   *
   * --max-worker-lifetime
   */
  readonly max_worker_lifetime?: ConfigValue<"max_worker_lifetime">;
  /**
   * The most that is added at random to max_worker_lifetime, so that not all workers leave at once.
   *
   * Default: 0
   *
   * --max-worker-lifetime-jitter
   */
  readonly max_worker_lifetime_jitter?: ConfigValue<"max_worker_lifetime_jitter">;
  /**
   * The memory, as a number of bytes that K, M or G may follow, at which another worker takes the place of one. Pages that workers share count in parts. 0 means no limit.
   *
   * Default: 0
   *
   * --max-worker-memory
   */
  readonly max_worker_memory?: ConfigValue<"max_worker_memory">;
  /**
   * Seconds that a worker may take to import the application before it is killed. 0 means no limit.
   *
   * Default: 0
   *
   * --boot-timeout
   */
  readonly boot_timeout?: ConfigValue<"boot_timeout">;
  /**
   * Seconds for which connections are still accepted after TERM, so that a load balancer can notice. A second TERM ends them.
   *
   * Default: 0
   *
   * --drain-delay
   */
  readonly drain_delay?: ConfigValue<"drain_delay">;
  /**
   * How many requests may wait for a worker; more are answered with 503. 0 means no limit.
   *
   * Default: 0
   *
   * --max-queue
   */
  readonly max_queue?: ConfigValue<"max_queue">;
  /**
   * Seconds that a request may wait for a worker; then it is answered with 503. 0 means no limit.
   *
   * Default: 0
   *
   * --queue-timeout
   */
  readonly queue_timeout?: ConfigValue<"queue_timeout">;
  /**
   * Microseconds that a gateway stays awake for a reply or request that is due, while few are in work and processors are free; where nothing comes it soon stops. 0 means never.
   *
   * Default: 200
   *
   * --busy-poll
   */
  readonly busy_poll?: ConfigValue<"busy_poll">;
  /**
   * The longest request line, in bytes, up to 8190. 0 takes the limit away.
   *
   * Default: 4094
   *
   * --limit-request-line
   */
  readonly limit_request_line?: ConfigValue<"limit_request_line">;
  /**
   * How many header fields a request may have, up to 32768. 0 means 32768.
   *
   * Default: 100
   *
   * --limit-request-fields
   */
  readonly limit_request_fields?: ConfigValue<"limit_request_fields">;
  /**
   * The longest header field, in bytes. 0 means 8190.
   *
   * Default: 8190
   *
   * --limit-request-field_size
   */
  readonly limit_request_field_size?: ConfigValue<"limit_request_field_size">;
  /**
   * The largest request head, in bytes; larger ones are answered with 431. At its default it grows to what limit_request_line, limit_request_fields and limit_request_field_size allow together when one of these is raised. 0 means no limit but those.
   *
   * Default: 131072
   *
   * --limit-request-head
   */
  readonly limit_request_head?: ConfigValue<"limit_request_head">;
  /**
   * The largest request body, in bytes; larger ones are answered with 413. 0 means no limit.
   *
   * Default: 0
   *
   * --limit-request-body
   */
  readonly limit_request_body?: ConfigValue<"limit_request_body">;
  /**
   * Load the code anew when a file of it changes. For development.
   *
   * Default: False
   *
   * --reload
   */
  readonly reload?: ConfigValue<"reload">;
  /**
   * How changes are found: auto, poll or inotify.
   *
   * Default: auto
   *
   * --reload-engine
   */
  readonly reload_engine?: ConfigValue<"reload_engine">;
  /**
   * A file, directory or pattern to watch besides the code. Repeat the option to watch several.
   *
   * --reload-extra-file
   */
  readonly reload_extra_files?: ConfigValue<"reload_extra_files">;
  /**
   * Print every line of Python that is executed.
   *
   * No effect: Python has debuggers and tracers for this (python -m trace).
   *
   * Default: False
   *
   * --spew
   */
  readonly spew?: ConfigValue<"spew">;
  /**
   * Import the application once, before the workers are forked, so that they share its memory.
   *
   * Default: False
   *
   * --preload
   */
  readonly preload_app?: ConfigValue<"preload_app">;
  /**
   * Whether files of wsgi.file_wrapper are sent by the gateway, with the worker free at once. The option switches it off.
   *
   * --no-sendfile
   */
  readonly sendfile?: ConfigValue<"sendfile">;
  /**
   * Let other processes listen on the same TCP addresses (SO_REUSEPORT).
   *
   * Default: False
   *
   * --reuse-port
   */
  readonly reuse_port?: ConfigValue<"reuse_port">;
  /**
   * The directory to change to before the application is imported.
   *
   * Default: .
   *
   * --chdir
   */
  readonly chdir?: ConfigValue<"chdir">;
  /**
   * Go to the background, once the server serves.
   *
   * Default: False
   *
   * --daemon
   */
  readonly daemon?: ConfigValue<"daemon">;
  /**
   * An environment variable for the application, as NAME=VALUE. Repeat the option to set several.
   *
   * --env
   */
  readonly raw_env?: ConfigValue<"raw_env">;
  /**
   * The file to write the process id to. Without it, none is written.
   *
   * --pid
   */
  readonly pidfile?: ConfigValue<"pidfile">;
  /**
   * Where the request queue lies, instead of shared memory.
   *
   * --worker-tmp-dir
   */
  readonly worker_tmp_dir?: ConfigValue<"worker_tmp_dir">;
  /**
   * The user, by name or number, that all processes but the arbiter run as.
   *
   * --user
   */
  readonly user?: ConfigValue<"user">;
  /**
   * The group, by name or number, that all processes but the arbiter run as.
   *
   * --group
   */
  readonly group?: ConfigValue<"group">;
  /**
   * The file mode creation mask for Unix sockets, for example 0077.
   *
   * Default: 0
   *
   * --umask
   */
  readonly umask?: ConfigValue<"umask">;
  /**
   * Give the processes all groups of their user. Without it they have no group but theirs.
   *
   * Default: False
   *
   * --initgroups
   */
  readonly initgroups?: ConfigValue<"initgroups">;
  /**
   * The directory for request bodies and waiting responses that are too large for memory. Without it, the one for temporary files.
   *
   * --tmp-upload-dir
   */
  readonly tmp_upload_dir?: ConfigValue<"tmp_upload_dir">;
  /**
   * Header fields, in upper case, and the values by which a trusted proxy says that a request came over HTTPS.
   *
   * Default: {'X-FORWARDED-PROTOCOL': 'ssl', 'X-FORWARDED-PROTO': 'https', 'X-FORWARDED-SSL': 'on'}
   */
  readonly secure_scheme_headers?: ConfigValue<"secure_scheme_headers">;
  /**
   * Addresses and networks, separated by commas, of the proxies whose forwarded headers are trusted. * trusts all.
   *
   * Default: 127.0.0.1,::1
   *
   * --forwarded-allow-ips
   */
  readonly forwarded_allow_ips?: ConfigValue<"forwarded_allow_ips">;
  /**
   * The header by which trusted proxies say who the client is: X-Forwarded-For or Forwarded. Without it, the client is who has connected.
   *
   * --real-ip-header
   */
  readonly real_ip_header?: ConfigValue<"real_ip_header">;
  /**
   * Directories, separated by commas, to put in front of Python's module search path.
   *
   * --pythonpath
   */
  readonly pythonpath?: ConfigValue<"pythonpath">;
  /**
   * A PasteDeploy file that names the application, as FILE or FILE#SECTION.
   *
   * Not supported yet.
   *
   * --paster
   */
  readonly paste?: ConfigValue<"paste">;
  /**
   * A variable of the PasteDeploy file, as NAME=VALUE. Repeat the option to set several.
   *
   * No effect: only PasteDeploy would read it, which is not there yet.
   *
   * --paste-global
   */
  readonly raw_paste_global_conf?: ConfigValue<"raw_paste_global_conf">;
  /**
   * Whether a proxy says who the client is by the PROXY protocol: off, v1, v2 or auto.
   *
   * Default: off
   *
   * --proxy-protocol
   */
  readonly proxy_protocol?: ConfigValue<"proxy_protocol">;
  /**
   * Addresses and networks, separated by commas, that may speak the PROXY protocol. * allows all.
   *
   * Default: 127.0.0.1,::1
   *
   * --proxy-allow-from
   */
  readonly proxy_allow_ips?: ConfigValue<"proxy_allow_ips">;
  /**
   * The protocol that clients speak: http or uwsgi.
   *
   * Not supported yet.
   *
   * Default: http
   *
   * --protocol
   */
  readonly protocol?: ConfigValue<"protocol">;
  /**
   * Addresses and networks, separated by commas, that may speak the uWSGI protocol. * allows all.
   *
   * No effect: only the uWSGI protocol would read it, which is not there yet.
   *
   * Default: 127.0.0.1,::1
   *
   * --uwsgi-allow-from
   */
  readonly uwsgi_allow_ips?: ConfigValue<"uwsgi_allow_ips">;
  /**
   * The path under which ASGI applications are mounted.
   *
   * No effect: only ASGI workers would read it, and there are none yet.
   *
   * --root-path
   */
  readonly root_path?: ConfigValue<"root_path">;
  /**
   * Header names with underscores, separated by commas, that a trusted proxy may send. * allows all.
   *
   * Default: SCRIPT_NAME,PATH_INFO
   *
   * --forwarder-headers
   */
  readonly forwarder_headers?: ConfigValue<"forwarder_headers">;
  /**
   * What to do with a header whose name has an underscore: drop it, refuse the request, or pass it on (dangerous).
   *
   * Default: drop
   *
   * --header-map
   */
  readonly header_map?: ConfigValue<"header_map">;
  /**
   * Join folded header lines with a space instead of refusing them.
   *
   * Default: False
   *
   * --permit-obsolete-folding
   */
  readonly permit_obsolete_folding?: ConfigValue<"permit_obsolete_folding">;
  /**
   * Take blanks between the name of a header and its colon instead of refusing them.
   *
   * Default: False
   *
   * --strip-header-spaces
   */
  readonly strip_header_spaces?: ConfigValue<"strip_header_spaces">;
  /**
   * Take methods with lower-case letters or #, and of any length.
   *
   * Default: False
   *
   * --permit-unconventional-http-method
   */
  readonly permit_unconventional_http_method?: ConfigValue<"permit_unconventional_http_method">;
  /**
   * Take HTTP versions other than 1.x.
   *
   * Default: False
   *
   * --permit-unconventional-http-version
   */
  readonly permit_unconventional_http_version?: ConfigValue<"permit_unconventional_http_version">;
  /**
   * Turn the method into upper case.
   *
   * Default: False
   *
   * --casefold-http-method
   */
  readonly casefold_http_method?: ConfigValue<"casefold_http_method">;
  /**
   * The access log file. - is standard output; without it, there is no access log.
   *
   * --access-logfile
   */
  readonly accesslog?: ConfigValue<"accesslog">;
  /**
   * Keep the access log out of syslog.
   *
   * Default: False
   *
   * --disable-redirect-access-to-syslog
   */
  readonly disable_redirect_access_to_syslog?: ConfigValue<"disable_redirect_access_to_syslog">;
  /**
   * What a line of the access log says; json: one JSON object a line.
   *
   * Default: %(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"
   *
   * --access-logformat
   */
  readonly access_log_format?: ConfigValue<"access_log_format">;
  /**
   * A path whose successful requests are kept out of the access log; with * at its end, all that begin so.
   *
   * --access-log-exclude
   */
  readonly access_log_exclude?: ConfigValue<"access_log_exclude">;
  /**
   * The error log file. - is standard error.
   *
   * Default: -
   *
   * --log-file
   */
  readonly errorlog?: ConfigValue<"errorlog">;
  /**
   * The least severe messages to log: debug, info, warning, error or critical.
   *
   * Default: info
   *
   * --log-level
   */
  readonly loglevel?: ConfigValue<"loglevel">;
  /**
   * Send what the application prints to the error log's file.
   *
   * Default: False
   *
   * --capture-output
   */
  readonly capture_output?: ConfigValue<"capture_output">;
  /**
   * The class of the logger.
   *
   * Default: gunicorn.glogging.Logger
   *
   * --logger-class
   */
  readonly logger_class?: ConfigValue<"logger_class">;
  /**
   * A file that configures Python's logging, in its INI format.
   *
   * --log-config
   */
  readonly logconfig?: ConfigValue<"logconfig">;
  /**
   * A dictionary that configures Python's logging; goes before logconfig_json and logconfig.
   *
   * Default: {}
   */
  readonly logconfig_dict?: ConfigValue<"logconfig_dict">;
  /**
   * A JSON file that configures Python's logging; goes before logconfig.
   *
   * --log-config-json
   */
  readonly logconfig_json?: ConfigValue<"logconfig_json">;
  /**
   * Where syslog listens: unix://PATH#TYPE, udp://HOST:PORT or tcp://HOST:PORT.
   *
   * Default: udp://localhost:514
   *
   * --log-syslog-to
   */
  readonly syslog_addr?: ConfigValue<"syslog_addr">;
  /**
   * Send the logs to syslog.
   *
   * Default: False
   *
   * --log-syslog
   */
  readonly syslog?: ConfigValue<"syslog">;
  /**
   * What names this server in syslog, after gunicorn. and before the name of the log.
   *
   * --log-syslog-prefix
   */
  readonly syslog_prefix?: ConfigValue<"syslog_prefix">;
  /**
   * The facility of syslog.
   *
   * Default: user
   *
   * --log-syslog-facility
   */
  readonly syslog_facility?: ConfigValue<"syslog_facility">;
  /**
   * Keep standard output and error open in the background.
   *
   * Default: False
   *
   * --enable-stdio-inheritance
   */
  readonly enable_stdio_inheritance?: ConfigValue<"enable_stdio_inheritance">;
  /**
   * The StatsD server: HOST:PORT.
   *
   * --statsd-host
   */
  readonly statsd_host?: ConfigValue<"statsd_host">;
  /**
   * Tags for the metrics, separated by commas.
   *
   * --dogstatsd-tags
   */
  readonly dogstatsd_tags?: ConfigValue<"dogstatsd_tags">;
  /**
   * What the names of the metrics begin with; a dot is added.
   *
   * --statsd-prefix
   */
  readonly statsd_prefix?: ConfigValue<"statsd_prefix">;
  /**
   * Measure how many connections wait in the kernel to be accepted.
   *
   * Default: False
   *
   * --enable-backlog-metric
   */
  readonly enable_backlog_metric?: ConfigValue<"enable_backlog_metric">;
  /**
   * What the processes are called in ps and top. Without it, they are called after the application.
   *
   * --name
   */
  readonly proc_name?: ConfigValue<"proc_name">;
  /**
   * What the processes are called when proc_name is not set and the command line names no application.
   *
   * Default: tunicorn
   */
  readonly default_proc_name?: ConfigValue<"default_proc_name">;
  /**
   * The file of the private key.
   *
   * Not supported yet.
   *
   * --keyfile
   */
  readonly keyfile?: ConfigValue<"keyfile">;
  /**
   * The file of the certificate.
   *
   * Not supported yet.
   *
   * --certfile
   */
  readonly certfile?: ConfigValue<"certfile">;
  /**
   * Deprecated in Gunicorn, and ignored.
   *
   * No effect: it is deprecated, and ignored by Gunicorn too.
   *
   * Default: 2
   *
   * --ssl-version
   */
  readonly ssl_version?: ConfigValue<"ssl_version">;
  /**
   * Whether clients need a certificate: 0 no, 1 optional, 2 yes.
   *
   * No effect: only TLS would read it, which is not there yet.
   *
   * Default: 0
   *
   * --cert-reqs
   */
  readonly cert_reqs?: ConfigValue<"cert_reqs">;
  /**
   * The file of the authorities that sign the certificates of clients.
   *
   * No effect: only TLS would read it, which is not there yet.
   *
   * --ca-certs
   */
  readonly ca_certs?: ConfigValue<"ca_certs">;
  /**
   * Take the end of a TLS connection without a farewell for its end.
   *
   * No effect: only TLS would read it, which is not there yet.
   *
   * Default: True
   *
   * --suppress-ragged-eofs
   */
  readonly suppress_ragged_eofs?: ConfigValue<"suppress_ragged_eofs">;
  /**
   * Do the TLS handshake as soon as a client connects.
   *
   * No effect: only TLS would read it, which is not there yet.
   *
   * Default: False
   *
   * --do-handshake-on-connect
   */
  readonly do_handshake_on_connect?: ConfigValue<"do_handshake_on_connect">;
  /**
   * The ciphers of TLS, in OpenSSL's format.
   *
   * No effect: only TLS would read it, which is not there yet.
   *
   * --ciphers
   */
  readonly ciphers?: ConfigValue<"ciphers">;
  /**
   * The versions of HTTP, separated by commas, the preferred one first: h1, h2.
   *
   * Not supported yet.
   *
   * Default: h1
   *
   * --http-protocols
   */
  readonly http_protocols?: ConfigValue<"http_protocols">;
  /**
   * Whether HTTP/2 is spoken without TLS: off, prior-knowledge, upgrade or both.
   *
   * Not supported yet.
   *
   * Default: off
   *
   * --http2-cleartext
   */
  readonly http2_cleartext?: ConfigValue<"http2_cleartext">;
  /**
   * How many requests a connection of HTTP/2 may have under way.
   *
   * No effect: only HTTP/2 would read it, which is not there yet.
   *
   * Default: 100
   *
   * --http2-max-concurrent-streams
   */
  readonly http2_max_concurrent_streams?: ConfigValue<"http2_max_concurrent_streams">;
  /**
   * How much a client of HTTP/2 may send ahead on a stream, in bytes.
   *
   * No effect: only HTTP/2 would read it, which is not there yet.
   *
   * Default: 65535
   *
   * --http2-initial-window-size
   */
  readonly http2_initial_window_size?: ConfigValue<"http2_initial_window_size">;
  /**
   * The longest frame of HTTP/2, in bytes.
   *
   * No effect: only HTTP/2 would read it, which is not there yet.
   *
   * Default: 16384
   *
   * --http2-max-frame-size
   */
  readonly http2_max_frame_size?: ConfigValue<"http2_max_frame_size">;
  /**
   * The longest head of an HTTP/2 request, in bytes.
   *
   * No effect: only HTTP/2 would read it, which is not there yet.
   *
   * Default: 65536
   *
   * --http2-max-header-list-size
   */
  readonly http2_max_header_list_size?: ConfigValue<"http2_max_header_list_size">;
  /**
   * An application of Gunicorn's dirty workers, as MODULE:CLASS. Repeat the option to name several.
   *
   * No effect: there are no dirty arbiters.
   *
   * --dirty-app
   */
  readonly dirty_apps?: ConfigValue<"dirty_apps">;
  /**
   * How many dirty workers Gunicorn starts.
   *
   * No effect: there are no dirty arbiters.
   *
   * Default: 0
   *
   * --dirty-workers
   */
  readonly dirty_workers?: ConfigValue<"dirty_workers">;
  /**
   * Seconds that a call of a dirty worker may take.
   *
   * No effect: there are no dirty arbiters.
   *
   * Default: 300
   *
   * --dirty-timeout
   */
  readonly dirty_timeout?: ConfigValue<"dirty_timeout">;
  /**
   * How many threads a dirty worker has.
   *
   * No effect: there are no dirty arbiters.
   *
   * Default: 1
   *
   * --dirty-threads
   */
  readonly dirty_threads?: ConfigValue<"dirty_threads">;
  /**
   * Seconds that dirty workers have to finish.
   *
   * No effect: there are no dirty arbiters.
   *
   * Default: 30
   *
   * --dirty-graceful-timeout
   */
  readonly dirty_graceful_timeout?: ConfigValue<"dirty_graceful_timeout">;
  /**
   * The path of the control socket. Without it, each instance has its own in its run directory.
   *
   * --control-socket
   */
  readonly control_socket?: ConfigValue<"control_socket">;
  /**
   * The mode of the control socket, for example 0660.
   *
   * Default: 384
   *
   * --control-socket-mode
   */
  readonly control_socket_mode?: ConfigValue<"control_socket_mode">;
  /**
   * Have no control socket.
   *
   * Default: False
   *
   * --no-control-socket
   */
  readonly control_socket_disable?: ConfigValue<"control_socket_disable">;
  /**
   * The Python interpreter that runs the application.
   *
   * Default: python3
   *
   * --python
   */
  readonly python?: ConfigValue<"python">;
  /**
   * The path that is answered with 200 as long as the server is up, without asking a worker.
   *
   * --health-path
   */
  readonly health_path?: ConfigValue<"health_path">;
  /**
   * The path that is answered with 200 while workers serve, and with 503 before and while the server is leaving.
   *
   * --readiness-path
   */
  readonly readiness_path?: ConfigValue<"readiness_path">;
  /**
   * An address at which there is nothing but these two pages, at /healthz and /readyz unless their paths are set.
   *
   * --health-bind
   */
  readonly health_bind?: ConfigValue<"health_bind">;
}
