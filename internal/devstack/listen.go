package devstack

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// anyPort is the default of Listen.
const anyPort = "127.0.0.1:0"

func listenAddr(listen string) string { return cmp.Or(listen, anyPort) }

// Advertised returns the host:port at which clients find a server with that listen
// address: on loopback, if it listens on all addresses.
func Advertised(listen string) string { return advertised(listen, listen) }

// advertised returns the host of listen, or loopback if that stands for all
// addresses, with the port of bound, the address on which the server listens.
func advertised(listen, bound string) string {
	host, _, _ := net.SplitHostPort(listen)
	_, port, _ := net.SplitHostPort(bound)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
}

// cannotListen returns an error that names the server, the address and the remedy.
func cannotListen(server, setting, addr string, err error) error {
	variable := "LEADHOOK_" + strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))
	change := fmt.Sprintf("choose another address with %s (%s)", setting, variable)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is in use by another program: stop that one, or %s: %w", server, addr, change, err)
	}
	return fmt.Errorf("%s: listen on %s: %w; %s", server, addr, err, change)
}
