//! Looks for files, for an environment and for a network, and reports what it found in the
//! message of its failure.

portcullis_test_guests::provider!(Curious, {
    path: "../../wit",
    world: "test:guest/curious",
    generate_all,
    inline: r#"
        package test:guest;

        world curious {
            include portcullis:plugin/provider-plugin@0.1.0;
            import wasi:cli/environment@0.2.0;
            import wasi:filesystem/preopens@0.2.0;
            import wasi:sockets/tcp-create-socket@0.2.0;
        }

        package wasi:cli@0.2.0 {
            interface environment {
                get-environment: func() -> list<tuple<string, string>>;
                get-arguments: func() -> list<string>;
                initial-cwd: func() -> option<string>;
            }
        }

        package wasi:filesystem@0.2.0 {
            interface types {
                resource descriptor;
            }
            interface preopens {
                use types.{descriptor};
                get-directories: func() -> list<tuple<descriptor, string>>;
            }
        }

        package wasi:sockets@0.2.0 {
            interface network {
                enum error-code {
                    unknown, access-denied, not-supported, invalid-argument, out-of-memory,
                    timeout, concurrency-conflict, not-in-progress, would-block, invalid-state,
                    new-socket-limit, address-not-bindable, address-in-use, remote-unreachable,
                    connection-refused, connection-reset, connection-aborted,
                    datagram-too-large, name-unresolvable, temporary-resolver-failure,
                    permanent-resolver-failure,
                }
                enum ip-address-family { ipv4, ipv6 }
            }
            interface tcp {
                resource tcp-socket;
            }
            interface tcp-create-socket {
                use network.{error-code, ip-address-family};
                use tcp.{tcp-socket};
                create-tcp-socket: func(family: ip-address-family)
                    -> result<tcp-socket, error-code>;
            }
        }
    "#,
});

use guest::wasi::cli::environment::{get_arguments, get_environment, initial_cwd};
use guest::wasi::filesystem::preopens::get_directories;
use guest::wasi::sockets::network::IpAddressFamily;
use guest::wasi::sockets::tcp_create_socket::create_tcp_socket;

#[derive(Default)]
struct Curious;

impl Provider for Curious {
    /// A file is opened through a folder that was handed over; without one there is no way to
    /// name `/etc/passwd`.
    fn start(_: &Request) -> Result<(Self, Call), Failure> {
        let socket = match create_tcp_socket(IpAddressFamily::Ipv4) {
            Ok(_) => "a socket".to_owned(),
            Err(code) => code.name().to_owned(),
        };
        Err(failure(format!(
            "folders {}, variables {}, arguments {}, here {:?}, socket {socket}",
            get_directories().len(),
            get_environment().len(),
            get_arguments().len(),
            initial_cwd(),
        )))
    }
}
