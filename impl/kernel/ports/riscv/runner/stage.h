/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two ages of the table's functions: of the machine, or of a stage of translation, in a file
 * of their own. TABLE(kvm) is what they take, OUT what those that map take besides.
 */
#ifndef SLAT_STAGE_H
#define SLAT_STAGE_H
#ifdef SLAT_GSTAGE_C
#include SLAT_GSTAGE_C
static struct kvm_gstage slat_stage_of(struct kvm *kvm)
{
	struct kvm_gstage stage = { .kvm = kvm };

#ifdef SLAT_STAGE_INIT
	kvm_riscv_gstage_init(&stage, kvm);
#else
	stage.vmid = kvm->arch.vmid.vmid;
	stage.pgd = kvm->arch.pgd;
#endif
	return stage;
}

#define TABLE(kvm) (&(struct kvm_gstage[]){ slat_stage_of(kvm) }[0])
#define OUT , &(struct kvm_gstage_mapping){ 0 }
#else
#define TABLE(kvm) (kvm)
#define OUT
#endif
#endif
