package devstack

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

// anyPort is where a server listens that was not told where.
const anyPort = "127.0.0.1:0"

func listenAddr(listen string) string { return cmp.Or(listen, anyPort) }

// Advertised is where clients find what was told to listen at host:port: at
// loopback, if it was told to listen everywhere.
func Advertised(listen string) string { return advertised(listen, listen) }

// advertised is where clients find what listens: the host that was asked for,
// or loopback if that was every address, with the port that was got.
func advertised(listen string, got string) string {
	host, _, _ := net.SplitHostPort(listen)
	_, port, _ := net.SplitHostPort(got)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = ""
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
}

// cannotListen says which server could not listen where, and how to get on.
func cannotListen(server, setting, addr string, err error) error {
	variable := "LEADHOOK_" + strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))
	change := fmt.Sprintf("choose another address with %s (%s)", setting, variable)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is taken by another program: end that one, or %s: %w", server, addr, change, err)
	}
	return fmt.Errorf("%s: listen on %s: %w; %s", server, addr, err, change)
}
