package realstack

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// FreeAddr is a loopback address that nobody listens on: connections to it are
// refused until somebody does who was told to, since no kernel gives its port
// to those who ask for any.
func FreeAddr(tb testing.TB) string {
	tb.Helper()
	ports, err := freePorts(1)
	if err != nil {
		tb.Fatal(err)
	}
	return loopback(ports[0])
}

// given are the ports that this process has been given: none is given twice,
// since its server may be away just then.
var given sync.Map

// freePorts finds loopback ports that nobody listens on. They are below the
// range that kernels choose from (Linux: 32768 and up), so that nobody takes
// one while its server is down between Kill and Restart.
func freePorts(n int) ([]int, error) {
	const first, last, tries = 12000, 32000, 1000
	var ports []int
	for range tries {
		if len(ports) == n {
			return ports, nil
		}
		port := first + rand.N(last-first)
		ln, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		_ = ln.Close()
		if _, before := given.LoadOrStore(port, true); !before {
			ports = append(ports, port)
		}
	}
	return nil, fmt.Errorf("find %d free ports of 127.0.0.1: only %d after %d tries", n, len(ports), tries)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
