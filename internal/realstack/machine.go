package realstack

import (
	"fmt"
	"os"
	"runtime"
)

// Machine says in one line how large this machine is, for reports of what was seen on it.
func Machine() string {
	memory := "unknown memory"
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kilobytes int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kilobytes); err == nil {
			memory = fmt.Sprintf("%d GB of memory", (kilobytes+1<<19)>>20)
		}
	}
	return fmt.Sprintf("%d cores with %s (%s/%s, %s)", runtime.NumCPU(), memory, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
