// Package listen has what the servers of `leadhook dev` have in common: where to
// listen, at which address clients find a server, and what to say where a port
// is in use.
package listen

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// anyPort is where a server listens if nothing else is said.
const anyPort = "127.0.0.1:0"

// Addr returns listen, or a free port of 127.0.0.1 if it is empty.
func Addr(listen string) string { return cmp.Or(listen, anyPort) }

// Advertised returns the host:port at which clients find a server with that listen
// address: on loopback, if it listens on all addresses.
func Advertised(listen string) string { return Bound(listen, listen) }

// Bound returns the host of listen, or loopback if that stands for all
// addresses, with the port of bound, the address on which the server listens.
func Bound(listen, bound string) string {
	host, _, _ := net.SplitHostPort(listen)
	_, port, _ := net.SplitHostPort(bound)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
}

// Refused returns an error that names the server, the address and the remedy.
func Refused(server, setting, addr string, err error) error {
	variable := "LEADHOOK_" + strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))
	change := fmt.Sprintf("choose another address with %s (%s)", setting, variable)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is in use by another program: stop that one, or %s: %w", server, addr, change, err)
	}
	return fmt.Errorf("%s: listen on %s: %w; %s", server, addr, err, change)
}
