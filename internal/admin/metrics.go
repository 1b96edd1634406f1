package admin

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

func buildInfo(version string) prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "leadhook_build_info",
		Help:        "Always 1; the labels have the versions of leadhook and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	}, func() float64 { return 1 }))
	return r
}
