package realstack

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// freePorts finds loopback ports that nobody listens on. They are below the
// range that kernels give to outgoing connections (Linux: 32768 and up), so
// that nobody takes one while its server is down between Kill and Restart.
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
		defer ln.Close() // only now: none is to be found twice
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("find %d free ports of 127.0.0.1: only %d after %d tries", n, len(ports), tries)
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
