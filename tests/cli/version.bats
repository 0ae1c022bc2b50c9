#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store

@test "version_is_printed" {
	run -0 fakebuild --version
	[[ $output =~ ^fakebuild\ [0-9]+\.[0-9]+ ]]
	equal "$output" "$(fakebuild version | head -n 1)"
}

@test "version_as_json" {
	run -0 fakebuild version --format json
	[[ $output == '{"Version":"'*'","Platform":"linux/'*'"}' ]]
}
