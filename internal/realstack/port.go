package realstack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// FreeAddr returns a loopback address on which no server listens. Connections to it
// are refused until a server is told to listen there: the kernel never assigns its
// port to a program that asks for any port.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	ports, err := freePorts(1)
	if err != nil {
		tb.Fatal(err)
	}
	return loopback(ports[0])
}

// used has the ports that freePorts has tried. It tries none twice, since the server
// of a port may be down at that moment, or about to listen.
var used sync.Map

// freePorts returns n free loopback ports. They are below the range from which
// kernels assign ports (Linux: 32768 and up), so that a port is still free after
// its server was killed.
func freePorts(n int) ([]int, error) {
	const first, last, tries = 12000, 32000, 1000
	var ports []int
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := first + rand.N(last-first)
		if _, before := used.LoadOrStore(port, true); before {
			continue
		}
		ln, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		_ = ln.Close()
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("find %d free ports of 127.0.0.1: only %d after %d tries", n, len(ports), tries)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
