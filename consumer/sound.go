//go:build !broken_commit

package consumer

// commitsEarly is what the build tag broken_commit breaks: see broken.go.
const commitsEarly = false
