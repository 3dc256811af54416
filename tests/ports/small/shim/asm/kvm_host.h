/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMALL_KVM_HOST_H
#define SMALL_KVM_HOST_H
struct kvm_arch { pgd_t *root; };
struct kvm_vcpu_arch { int none; };
struct kvm_vcpu_stat { int none; };
#endif
