//go:build !broken_commit

package consumer

// commitsEarly is true only in a build with the tag broken_commit.
const commitsEarly = false
