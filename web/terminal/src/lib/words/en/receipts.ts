import type { receipts as zh } from '../zh/receipts.ts';

export const receipts: Record<keyof typeof zh, string> = {
  'receipt.number': 'Receipt',
  'receipt.goods': 'Goods',
  'receipt.weight': 'Weight (kg)',
  'receipt.available': 'Available (kg)',
  'receipt.reserved': 'Reserved (kg)',
  'receipt.harvest': 'Harvested',
  'receipt.expires': 'Green until',
  'receipt.left': '{days} days left',
  'receipt.state': 'State',
  'receipt.state.issued': 'Valid',
  'receipt.state.split': 'Split',
  'receipt.state.expired': 'Expired',
  'receipt.state.delivery_ordered': 'Delivery ordered',
  'receipt.state.delivered': 'Delivered',
  'receipt.deliver': 'Take delivery',
  'receipt.confirm_deliver': 'Take delivery of all {weight} kg of receipt {id}? It can no longer be sold then.',
  'receipt.delivery_done': 'Delivery ordered. Collect the goods at the warehouse.',
  'receipt.yes_deliver': 'Yes, take delivery',
};
