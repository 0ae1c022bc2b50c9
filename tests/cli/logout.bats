#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
load store
setup_file() { use_store; }
teardown_file() { remove_store; }

@test "nothing_to_forget_is_no_failure" {
	run -0 fakebuild logout registry.example.org
	equal "Not logged in to registry.example.org" "$output"
}
