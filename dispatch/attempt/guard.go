package attempt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/leadhook/leadhook/lead"
)

// GuardOptions say what an operator allows beyond the public internet. The
// zero value allows https to public addresses on ports 80 and 443.
type GuardOptions struct {
	// AllowHTTP lets webhooks have http URLs. Leads then travel unencrypted.
	AllowHTTP bool

	// AllowCIDRs are networks that may be called although they are not public:
	// a CRM on the premises, a development machine. An IPv4 network also allows
	// the IPv4-mapped form of its addresses, and the other way round. Allowing
	// 64:ff9b::/96 allows everything behind the network's NAT64 gateway.
	AllowCIDRs []netip.Prefix

	// DenyCIDRs are networks that must not be called although they are public, such as
	// this network's own public addresses. They win over AllowCIDRs, and include the
	// IPv6 addresses that lead to their IPv4 addresses (IPv4-mapped, NAT64, 6to4).
	DenyCIDRs []netip.Prefix

	// AllowPorts may be called in addition to 80 and 443.
	AllowPorts []int
}

// A Guard prevents server-side request forgery: that leadhook is used to reach
// what only its own network can reach. Advertisers choose the URLs, and the names
// in them resolve to whatever their owners like. It is safe for concurrent use.
type Guard struct {
	allowHTTP bool
	allowed   []netip.Prefix
	denied    []netip.Prefix
	ports     []int
	public    *ssrf.Guardian
}

// NewGuard returns a Guard.
func NewGuard(opts GuardOptions) *Guard {
	g := &Guard{
		allowHTTP: opts.AllowHTTP,
		ports:     append([]int{80, 443}, opts.AllowPorts...),
		public:    ssrf.New(ssrf.WithAnyPort()),
	}
	for _, p := range opts.AllowCIDRs {
		g.allowed = append(g.allowed, unmapped(p))
	}
	for _, p := range opts.DenyCIDRs {
		g.denied = append(g.denied, unmapped(p))
	}
	return g
}

// unmapped turns a network of IPv4-mapped addresses into the IPv4 network.
func unmapped(p netip.Prefix) netip.Prefix {
	const mappedBits = 96
	if p.Addr().Is4In6() && p.Bits() >= mappedBits {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits).Masked()
	}
	return p.Masked()
}

// A guardError explains in plain words why a URL or an address is not called.
type guardError string

func (e guardError) Error() string { return string(e) }

// CheckURL returns why a webhook must not have this URL, or nil if it may. It
// checks an address that is written as a number; the addresses of a name are
// checked when they are dialled. The error quotes neither path nor query nor user
// info.
func (g *Guard) CheckURL(u *url.URL) error {
	switch {
	case u.Scheme == "http" && !g.allowHTTP:
		return guardError("plain http is refused; use https, or allow it with http.allow_http")
	case u.Scheme != "https" && u.Scheme != "http":
		return guardError("the URL does not start with https://")
	case u.User != nil:
		return guardError("the URL has user info; put it into the authorization")
	case u.Fragment != "":
		return guardError("the URL has a fragment (#), which is never sent; remove it")
	}
	if err := lead.CheckHost(u.Hostname()); err != nil {
		return guardError("the URL has " + err.Error())
	}
	if err := g.checkPort(port(u)); err != nil {
		return err
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.checkAddr(addr)
	}
	return nil // a name, whose addresses are checked when they are dialled
}

// port returns the port that is dialled for u, or -1 if it is not a number.
func port(u *url.URL) int {
	switch p := u.Port(); {
	case p != "":
		n, err := strconv.Atoi(p)
		if err != nil {
			return -1
		}
		return n
	case u.Scheme == "http":
		return 80
	}
	return 443
}

func (g *Guard) checkPort(port int) error {
	if slices.Contains(g.ports, port) {
		return nil
	}
	return guardError(fmt.Sprintf("port %d is refused; allow it with http.allow_ports", port))
}

func (g *Guard) checkAddr(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	switch {
	case contain(g.denied, addr) || contain(g.denied, within(addr)):
		return guardError(fmt.Sprintf("address %s is refused by http.deny_cidrs", addr))
	case contain(g.allowed, addr):
		return nil
	case g.public.SafeAddr(addr) == nil && !slices.Contains(metadata, addr):
		return nil
	}
	return guardError(fmt.Sprintf("address %s is %s: refused; allow it with http.allow_cidrs", addr, class(addr)))
}

func contain(networks []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// within returns the IPv4 address that a gateway takes out of an IPv6 address, or addr
// itself if there is none in it.
func within(addr netip.Addr) netip.Addr {
	const at6to4, atNAT64 = 2, 12 // bytes before the IPv4 address: RFC 3056, RFC 6052
	b := addr.As16()
	switch {
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[at6to4:]))
	case ssrf.IPv6NAT64Prefix.Contains(addr), compatible.Contains(addr):
		return netip.AddrFrom4([4]byte(b[atNAT64:]))
	}
	return addr
}

var (
	sixToFour  = netip.MustParsePrefix("2002::/16")
	compatible = netip.MustParsePrefix("::/96")
)

// metadata are the addresses at which clouds tell a machine about itself, its keys
// included. Azure's is a public address: 168.63.129.16.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"),
	netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
	netip.MustParseAddr("fd00:ec2::254"),
}

func class(addr netip.Addr) string {
	switch {
	case slices.Contains(metadata, addr):
		return "a cloud's metadata service"
	case addr.IsLoopback():
		return "loopback"
	case addr.IsPrivate():
		return "private"
	case addr.IsLinkLocalUnicast():
		return "link-local"
	case addr.IsMulticast():
		return "multicast"
	case addr.IsUnspecified():
		return "unspecified"
	}
	return "reserved"
}

// control is a [net.Dialer.ControlContext]. It checks each address after DNS and
// before anything is sent to it, so that a name cannot be bound to another address
// between the check and the call.
func (g *Guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return guardError("only TCP is called, not " + network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("the dialled address cannot be read")
	}
	if err := g.checkPort(int(to.Port())); err != nil {
		return err
	}
	return g.checkAddr(to.Addr())
}
