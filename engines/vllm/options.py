"""vLLM's engine arguments: which of them change answers, and on which GPUs it runs.

Those that change answers are in the revision of a model. Each argument of vLLM 0.32 is judged once,
and a test fails when a version brings another one. An argument is out of the revision only if it
says where the model runs, how fast, or what is told about that. Answers may then differ in their
last bits, as they do on another GPU. In case of doubt an argument is in.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, model_validator

from schemas.parameters import Parameters

_SPEED: Mapping[str, str] = {
    "on which devices and in which processes the model runs": """
        tensor_parallel_size pipeline_parallel_size prefill_context_parallel_size
        decode_context_parallel_size dcp_comm_backend dcp_q_replicate
        dcp_kv_cache_interleave_size cp_kv_cache_interleave_size
        data_parallel_size data_parallel_rank data_parallel_start_rank data_parallel_size_local
        data_parallel_address data_parallel_rpc_port data_parallel_hybrid_lb
        data_parallel_external_lb data_parallel_multi_port_external_lb data_parallel_backend
        dp_sync_interval enable_expert_parallel enable_ep_weight_filter expert_placement_strategy
        enable_eplb eplb_config enable_elastic_ep elastic_ep_max_dp_size enable_hc_sp
        enable_batch_sharded_sampling distributed_executor_backend device_ids nnodes node_rank
        master_addr master_port numa_bind numa_bind_nodes numa_bind_cpus fully_sharded_loras
    """,
    "how the processes talk, and how long they wait for each other": """
        all2all_backend disable_custom_all_reduce disable_nccl_for_dp_synchronization
        enable_nccl_comm_suspend enable_shm_tensor_arena distributed_timeout_seconds
        cpu_distributed_timeout_seconds fault_tolerance_config enable_fault_tolerance
        shutdown_timeout stream_interval fail_on_environ_validation
    """,
    "which requests are computed together, and when": """
        max_num_batched_tokens max_num_scheduled_tokens max_num_seqs max_num_active_seqs
        enable_chunked_prefill long_prefill_token_threshold long_prefill_token_threshold_adaptive
        prefill_schedule_interval scheduler_reserve_full_isl scheduling_policy async_scheduling
        watermark enable_dbo ubatch_size dbo_decode_token_threshold dbo_prefill_token_threshold
    """,
    "how much memory there is for what, and in which blocks": """
        gpu_memory_utilization kv_cache_memory_bytes num_gpu_blocks_override block_size
        mamba_block_size enable_prefix_caching prefix_caching_hash_algo prefix_match_unit
        prefix_cache_retention_interval mamba_cache_mode enable_mamba_shared_prefix_checkpoint
        disable_hybrid_kv_cache_manager kv_offloading_size kv_offloading_backend offload_backend
        cpu_offload_gb cpu_offload_params offload_group_size offload_num_in_group
        offload_prefetch_step offload_params enable_sleep_mode sleep_mode_offload_cudagraph
        sleep_preserve_parameter_names enable_cumem_allocator
    """,
    "what is compiled and captured": """
        enforce_eager compilation_config optimization_level performance_mode
        cudagraph_capture_sizes max_cudagraph_capture_size enable_flashinfer_autotune
        disable_cascade_attn
    """,
    "how the weights are read": """
        safetensors_load_strategy safetensors_prefetch_num_threads safetensors_prefetch_block_size
        max_parallel_loading_workers use_tqdm_on_load download_dir
    """,
    "what is logged, measured or returned beside the answer": """
        disable_log_stats enable_log_requests aggregate_engine_logging log_level log_config_file
        logging_config served_model_name max_logprobs show_hidden_metrics_for_version
        otlp_traces_endpoint collect_detailed_traces per_request_spec_decode_metrics
        kv_cache_metrics kv_cache_metrics_sample custom_histogram_buckets cudagraph_metrics
        enable_layerwise_nvtx_tracing enable_mfu_metrics enable_logging_iteration_details
        enable_mm_processor_stats jit_monitor_mode jit_monitor_verbose profiler_config
        ray_workers_use_nsight enable_return_routed_experts return_sampling_mask
        enable_trace_replay kv_events_config
    """,
    "pictures and sound, which are never sent": """
        allowed_local_media_path allowed_media_domains limit_mm_per_prompt enable_mm_embeds
        media_io_kwargs mm_processor_cache_gb mm_processor_cache_type mm_hasher_algorithm
        mm_shm_cache_max_object_size_mb mm_encoder_tp_mode mm_tensor_ipc mm_processor_device
        mm_ipc_gpu_memory_gb mm_device_do_normalize disable_chunked_mm_input skip_mm_profiling
        renderer_num_workers language_model_only
    """,
}
"""By what they say. They are out of the revision."""

_ANSWERS: Mapping[str, str] = {
    "the number types of weights, activations and caches": """
        quantization quantization_config allow_deprecated_quantization kv_cache_dtype
        kv_cache_dtype_skip_layers mamba_cache_dtype mamba_ssm_cache_dtype
        enable_mamba_cache_stochastic_rounding mamba_cache_philox_rounds lora_dtype use_fp64_gumbel
    """,
    "kernels, of which some compute in a shorter number type": """
        attention_backend attention_config kernel_config linear_backend moe_backend ir_op_priority
        sparse_indexer_topk_backend gdn_prefill_backend kda_prefill_backend kda_decode_backend
        mamba_backend mamba_config mamba_ssu_algorithm use_replayssm replayssm_buffer_len
        kv_sharing_fast_prefill swa_bounded_replay disable_sliding_window
    """,
    "which model it is, and how its files are understood": """
        tokenizer tokenizer_mode hf_config_path config_format hf_overrides model_class_overrides
        model_impl runner convert pooler_config engram_config max_model_len
        model_loader_extra_config ignore_patterns pt_load_map_location generation_config
        override_generation_config reasoning_parser reasoning_parser_plugin reasoning_config
        enable_lora max_loras max_lora_rank max_cpu_loras default_mm_loras lora_target_modules
        enable_tower_connector_lora specialize_active_lora enable_mixed_moe_lora_format
        enable_moe_shared_loras max_lora_cls_labels
    """,
    "which tokens are drawn": """
        seed speculative_config spec_method spec_model spec_tokens diffusion_config
        structured_outputs_config logits_processors watermark_config aux_output_config
    """,
    "pictures and sound, in ways that a model's text may depend on": """
        interleave_mm_strings mm_processor_kwargs mm_encoder_only mm_encoder_attn_backend
        mm_encoder_attn_dtype mm_encoder_fp8_scale_path mm_encoder_fp8_scale_save_path
        mm_encoder_fp8_scale_save_margin video_pruning_rate video_pruning_method
        enable_prompt_embeds
    """,
    "other people's code, or state from elsewhere": """
        worker_cls worker_extension_cls scheduler_cls io_processor_plugin additional_config
        kv_transfer_config ec_transfer_config ec_manager_config weight_transfer_config
    """,
}
"""By what they say. They are in the revision."""

_PARALLEL = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")
"""Arguments whose product is the number of GPUs of one engine."""

_OWN = """
    model model_weights dtype load_format trust_remote_code logprobs_mode revision code_revision
    tokenizer_revision hf_token _api_process_count _api_process_rank
"""
_OWN_REASON = "cannot be set; 'model', 'revision' and 'dtype' are fields of the binding"
_REJECTS = (
    "would reject requests, whose rows would be dropped: `window` in factory.yaml limits them"
)
_REFUSED: Mapping[str, str] = {
    **dict.fromkeys(_OWN.split(), _OWN_REASON),
    "skip_tokenizer_init": "cannot be set: answers are texts",
    "tokens_only": "cannot be set: answers are texts",
    "max_num_queued_reqs": _REJECTS,
    "max_num_queued_tokens": _REJECTS,
}
"""What is wrong with them."""


def _names(groups: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for names in groups.values() for name in names.split())


SPEED = _names(_SPEED)
"""Arguments that are in no revision."""

JUDGED = SPEED | _names(_ANSWERS) | _REFUSED.keys()
"""All arguments of vLLM's engine."""


class VLLMOptions(Parameters):
    """``Binding.options`` of engine ``vllm``: vLLM's own engine arguments, with underscores."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in sorted(options):
            if name in _REFUSED:
                raise ValueError(f"{name} {_REFUSED[name]}")
            if name not in JUDGED:
                raise ValueError(f"{name} is not an engine argument of vLLM 0.32")
        return options


def gpus(options: Mapping[str, Any]) -> int:
    """How many GPUs an engine with these arguments runs a model on."""
    return math.prod(int(options.get(name, 1)) for name in _PARALLEL)


def device_arguments(device: str | None, options: Mapping[str, Any]) -> dict[str, list[int]]:
    """The engine arguments that put a model on ``device``: cpu, cuda (vLLM's choice) or cuda:N.

    Raises:
        ValueError: vLLM cannot be told to run it there.
    """
    if device in (None, "cpu", "cuda"):
        return {}
    number = re.fullmatch(r"cuda:(\d+)", str(device))
    if number is None:
        raise ValueError(f"{device!r}: engine 'vllm' takes cpu, cuda and cuda:N")
    taken = "device_ids" in options or gpus(options) > 1
    if taken or options.get("distributed_executor_backend") == "ray":
        raise ValueError(
            f"{device!r} is one GPU, and the options name others: leave 'device' out, and set the "
            "GPUs with device_ids in options, such as [2, 3] (Ray's executor chooses its own)"
        )
    return {"device_ids": [int(number[1])]}
