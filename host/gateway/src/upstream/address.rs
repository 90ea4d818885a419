//! Which addresses a name may have.
//!
//! Whoever owns a name decides what it resolves to, and can change that between two look-ups.
//! So the addresses are judged after the look-up, and the connection goes to exactly those
//! that were judged. What is inside the operator's own network is called only if the operator
//! says so, by the address itself, by `localhost`, or by `private_addresses`.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;
use url::Host;

use super::failure::{ClientError, SendError, shown};

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Anywhere in the internet.
    Public,
    /// On this machine.
    Loopback,
    /// In a network of the operator's, or of its neighbours.
    Private,
    /// Nowhere that a provider could be: reserved, multicast, documentation; or where clouds
    /// hand out the credentials of the machine itself.
    Never,
}

/// How far into the operator's network a provider may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// This machine too.
    Loopback,
    /// Private networks too.
    Private,
}

impl Reach {
    /// How far the base address itself, and what the operator says about it, lets a provider
    /// reach.
    pub fn of(host: &Host<&str>, private_addresses: bool) -> Result<Reach, ClientError> {
        let literal = match host {
            Host::Ipv4(address) => IpAddr::V4(*address),
            Host::Ipv6(address) => IpAddr::V6(*address),
            Host::Domain(_) if private_addresses => return Ok(Reach::Private),
            Host::Domain(name) if is_localhost(name) => return Ok(Reach::Loopback),
            Host::Domain(_) => return Ok(Reach::Public),
        };
        match place(literal) {
            Place::Never => Err(ClientError::AddressRefused { address: literal }),
            _ => Ok(Reach::Private),
        }
    }

    /// Whether an address at this place may be called.
    pub fn includes(self, place: Place) -> bool {
        match place {
            Place::Public => true,
            Place::Loopback => self != Reach::Public,
            Place::Private => self == Reach::Private,
            Place::Never => false,
        }
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Where machines in clouds are told their credentials, inside ranges that are otherwise less
/// dangerous: link-local, CGNAT, unique local and even public ones.
const METADATA: &[IpAddr] = &[
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0023)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254)),
];

/// Where an address is, by the special-purpose registries of IANA. An IPv6 address that stands
/// for an IPv4 address is judged as that one.
pub fn place(address: IpAddr) -> Place {
    match address {
        _ if METADATA.contains(&address) => Place::Never,
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => place(IpAddr::V4(address)),
            None => place_v6(address),
        },
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [127, ..] => Place::Loopback,
        [10, ..] | [192, 168, ..] | [169, 254, ..] => Place::Private,
        [172, second, ..] if second & 0xf0 == 16 => Place::Private,
        // Shared with the customers of one carrier (RFC 6598).
        [100, second, ..] if second & 0xc0 == 64 => Place::Private,
        // For measuring devices in a network of one's own (RFC 2544).
        [198, 18 | 19, ..] => Place::Private,
        // "This network", protocol assignments, documentation, relays of 6to4, and everything
        // from multicast up to broadcast.
        [0, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Place::Never,
        [192, 88, 99, _] | [224..=255, ..] => Place::Never,
        _ => Place::Public,
    }
}

fn place_v6(address: Ipv6Addr) -> Place {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Loopback,
        // Unique local, link-local, and the site-local ones of old.
        [0xfc00..=0xfdff | 0xfe80..=0xfeff, ..] => Place::Private,
        // Documentation, measuring, Teredo (whose address of the far end is disguised), ORCHID.
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Place::Never,
        [0x2001, 0x0000 | 0x0002 | 0x0010..=0x002f, ..] => Place::Never,
        // All that has been given out as global unicast.
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Never,
    }
}

/// The IPv4 address that an IPv6 address leads to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let (high, low) = match segments {
        // Unspecified and loopback are themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => return None,
        // Mapped, compatible, translated (RFC 2765), and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => (high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => (high, low),
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        // 6to4.
        [0x2002, high, low, ..] => (high, low),
        _ => return None,
    };
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(a, b, c, d))
}

/// The addresses of a name, or why there are none.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How names are looked up: by the system, or in a test by the test.
pub type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// The system's own resolver.
pub fn system() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|socket| socket.ip()).collect())
        })
    })
}

/// Looks names up and hands out only what is within reach.
#[derive(Clone)]
pub(super) struct Resolver {
    reach: Reach,
    lookup: Lookup,
}

impl Resolver {
    pub(super) fn new(reach: Reach, lookup: Lookup) -> Resolver {
        Resolver { reach, lookup }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, SendError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (reach, looking) = (self.reach, (self.lookup)(name.as_str().to_string()));
        Box::pin(async move {
            let found = looking.await;
            within(reach, name.as_str(), found).map(Vec::into_iter)
        })
    }
}

/// The addresses within reach. Their port is left to the connector.
fn within(
    reach: Reach,
    host: &str,
    found: io::Result<Vec<IpAddr>>,
) -> Result<Vec<SocketAddr>, SendError> {
    let why = |why: &str| SendError::Resolve { host: host.to_string(), why: shown(why) };
    let found = found.map_err(|error| why(&error.to_string()))?;
    let first = *found.first().ok_or_else(|| why("the name exists, but without addresses"))?;
    let allowed = found.into_iter().filter(|address| reach.includes(place(*address)));
    let allowed: Vec<_> = allowed.map(|address| SocketAddr::new(address, 0)).collect();
    if allowed.is_empty() {
        return Err(SendError::AddressRefused { host: host.to_string(), address: first });
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_addresses_are() {
        for (expected, addresses) in [
            (
                Place::Public,
                "1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.255.255 100.128.0.0 192.0.1.1 \
                 198.17.0.1 198.20.0.1 223.255.255.255 2606:4700::1111 2a00::1 ::ffff:1.1.1.1 \
                 64:ff9b::101:101 2002:808:808::1",
            ),
            (Place::Loopback, "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1"),
            (
                Place::Private,
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.1.1 100.64.0.1 \
                 100.127.255.255 198.18.0.1 fc00::1 fd12::1 fe80::1 fec0::1 ::ffff:10.0.0.1 \
                 ::10.1.2.3 2002:a00:1:: 64:ff9b::c0a8:101 ::ffff:0:10.0.0.1",
            ),
            (
                Place::Never,
                "169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 fd00:ec2::254 \
                 fd20:ce::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 2002:a9fe:a9fe::1 \
                 ::169.254.169.254 0.0.0.0 0.1.2.3 :: 192.0.0.192 192.0.2.1 198.51.100.1 \
                 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 ff02::1 \
                 2001:db8::1 3fff::1 100::1 2001::1 64:ff9b:1::1 5f00::1 4000::1 192.88.99.1 \
                 ::ffff:0.0.0.0 ::ffff:224.0.0.1",
            ),
        ] {
            for address in addresses.split_whitespace() {
                assert_eq!(place(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn how_far_a_base_address_reaches() {
        for (url, private, expected) in [
            ("https://api.example.com", false, Some(Reach::Public)),
            ("https://api.example.com", true, Some(Reach::Private)),
            ("http://localhost:11434", false, Some(Reach::Loopback)),
            ("http://model.LOCALHOST.", false, Some(Reach::Loopback)),
            ("http://localhost.example.com", false, Some(Reach::Public)),
            ("http://127.0.0.1:11434", false, Some(Reach::Private)),
            ("http://2130706433", false, Some(Reach::Private)),
            ("http://[::1]:80", false, Some(Reach::Private)),
            ("http://192.168.1.7", false, Some(Reach::Private)),
            ("http://169.254.169.254/latest", true, None),
            ("http://[::ffff:169.254.169.254]", true, None),
            ("http://0x7f.1", true, Some(Reach::Private)),
            ("http://0", true, None),
        ] {
            let url = url::Url::parse(url).unwrap();
            assert_eq!(Reach::of(&url.host().unwrap(), private).ok(), expected, "{url}");
        }
    }

    #[test]
    fn what_is_out_of_reach_is_left_out_and_named_if_nothing_is_left() {
        let addresses = |text: &str| text.split(' ').map(|ip| ip.parse().unwrap()).collect();
        let judge = |reach, text| within(reach, "a.example", Ok(addresses(text)));
        let kept = |text: &str| -> Vec<SocketAddr> {
            text.split(' ').map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()
        };
        let mixed = "10.0.0.1 1.1.1.1 127.0.0.1 169.254.169.254 2606:4700::1";
        assert_eq!(judge(Reach::Public, mixed), Ok(kept("1.1.1.1 2606:4700::1")));
        assert_eq!(judge(Reach::Loopback, mixed), Ok(kept("1.1.1.1 127.0.0.1 2606:4700::1")));
        let private = kept("10.0.0.1 1.1.1.1 127.0.0.1 2606:4700::1");
        assert_eq!(judge(Reach::Private, mixed), Ok(private));
        for (reach, refused) in [
            (Reach::Public, "127.0.0.1 10.0.0.1"),
            (Reach::Loopback, "10.0.0.1"),
            (Reach::Private, "169.254.169.254 ::ffff:169.254.169.254"),
        ] {
            let SendError::AddressRefused { host, address } = judge(reach, refused).unwrap_err()
            else {
                panic!("{refused}")
            };
            assert_eq!((host.as_str(), address), ("a.example", addresses(refused)[0]));
        }
        for nothing in [Ok(Vec::new()), Err(io::Error::other("no such name"))] {
            let error = within(Reach::Public, "a.example", nothing).unwrap_err();
            assert!(matches!(error, SendError::Resolve { .. }), "{error}");
        }
    }
}
